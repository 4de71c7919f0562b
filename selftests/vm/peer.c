// SPDX-License-Identifier: GPL-2.0
/*
 * peer.c - traffic whose every byte is known, between the wire and a guest: for
 * tests that do something to the guest meanwhile. It is built statically, for both
 * ends are this program and the guest has no libraries.
 *
 *	peer serve PORT KIB		the wire: obeys lines on its standard input
 *	peer join ADDRESS PORT KIB	the guest: ends when the wire does
 *
 * One TCP connection carries a stream each way, KIB a second of it (0: as much as goes,
 * which leaves an emulated host little time for anything else), made up from the position, checked to the byte, sent out of fresh pages by sendfile(): the device
 * reads them where the file has them. Beside it the wire sends numbered datagrams,
 * which the guest checks and answers with others; they have no UDP checksum, so that
 * what becomes of them on the way is seen here, and not dropped before. One that is
 * lost is not told, one that is wrong ends the program.
 *
 *	status		answers: sent, acknowledged, received, datagrams sent and
 *			answered, and the longest time between two answers in ms,
 *			which begins anew
 *	more BYTES	the same, but when so much more was acknowledged and received
 *	end		stops sending; the guest does so too; then a last answer
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (128 << 10)	/* bytes of a file that is sent */
#define TICK 10			/* ms between two datagrams, and more of the stream */
#define DATAGRAM_MAX 1400

/* What one end sends is made up from one of these. */
enum seed { STREAM_OF_WIRE = 1, STREAM_OF_GUEST, QUESTION, ANSWER };

static struct peer {
	bool serves;
	int tcp, udp;
	int file;		/* what is being sent, -1: nothing */
	off_t file_sent;
	uint64_t sent, received;
	uint64_t rate;		/* bytes a tick, 0: without limit */
	uint64_t may;		/* bytes to be sent until the next tick */
	bool ending, got_all;
	uint64_t asked, answered;	/* datagrams */
	uint64_t last_answer, longest;	/* ms */
	uint64_t next_tick;		/* ms */
	/* "more": an answer is due when these are reached. */
	bool waiting;
	uint64_t want_acked, want_received;
} me;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	exit(1);
}

static void need(bool ok, const char *what)
{
	if (!ok)
		die("%s: %s", what, strerror(errno));
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* splitmix64: any word of an endless sequence without those before. */
static uint64_t word_at(enum seed seed, uint64_t i)
{
	uint64_t z = ((uint64_t)seed << 56) + i * 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Of the sequence from its word @first on. */
static void make(uint64_t *to, enum seed seed, uint64_t first, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++)
		to[i] = word_at(seed, first + i);
}

static uint64_t acked(void)
{
	int queued;

	need(!ioctl(me.tcp, SIOCOUTQ, &queued), "SIOCOUTQ");
	/* The end of a stream is in the queue, too. */
	if (me.ending && queued)
		queued--;
	return me.sent - queued;
}

static void answer(void)
{
	printf("sent %" PRIu64 " acked %" PRIu64 " received %" PRIu64
	       " asked %" PRIu64 " answered %" PRIu64 " silent %" PRIu64 "\n",
	       me.sent, acked(), me.received, me.asked, me.answered,
	       me.longest);
	fflush(stdout);
	me.longest = 0;
}

/* A file of its own each time, so fresh pages. */
static void next_file(void)
{
	static uint64_t words[CHUNK / 8];

	make(words, me.serves ? STREAM_OF_WIRE : STREAM_OF_GUEST, me.sent / 8,
	     CHUNK / 8);
	me.file = memfd_create("chunk", MFD_CLOEXEC);
	need(me.file >= 0, "memfd_create");
	need(write(me.file, words, CHUNK) == CHUNK, "write");
	me.file_sent = 0;
}

static void send_stream(void)
{
	ssize_t n;

	if (me.file < 0)
		next_file();
	n = CHUNK - me.file_sent;
	if ((uint64_t)n > me.may)
		n = me.may;
	n = sendfile(me.tcp, me.file, &me.file_sent, n);
	if (n < 0 && errno == EAGAIN)
		return;
	need(n > 0, "sendfile");
	me.sent += n;
	if (me.rate)
		me.may -= n;
	if (me.file_sent == CHUNK) {
		close(me.file);
		me.file = -1;
	}
}

static void end_stream(void)
{
	me.ending = true;
	need(!shutdown(me.tcp, SHUT_WR), "shutdown");
}

static void check_stream(const char *got, size_t n)
{
	static uint64_t words[CHUNK / 8 + 1];
	const char *right = (const char *)words + me.received % 8;
	size_t i;

	make(words, me.serves ? STREAM_OF_GUEST : STREAM_OF_WIRE,
	     me.received / 8, (n + 7) / 8 + 1);
	if (!memcmp(got, right, n))
		return;
	for (i = 0; got[i] == right[i]; i++)
		;
	die("byte %" PRIu64 " of the stream is 0x%02x, not 0x%02x",
	    me.received + i, (uint8_t)got[i], (uint8_t)right[i]);
}

static void receive_stream(void)
{
	static char buf[CHUNK - 8];
	ssize_t n = recv(me.tcp, buf, sizeof(buf), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	need(n >= 0, "recv");
	check_stream(buf, n);
	me.received += n;
	me.got_all = !n;
}

/* Number, then what follows from it; the length does, too. */
static size_t datagram(uint64_t *to, enum seed seed, uint64_t number)
{
	size_t words = 2 + word_at(seed, number) % (DATAGRAM_MAX / 8 - 1);

	to[0] = number;
	make(to + 1, seed, number << 16, words - 1);
	return words * 8;
}

static void send_datagram(const struct sockaddr_in *to, enum seed seed,
			  uint64_t number)
{
	uint64_t words[DATAGRAM_MAX / 8 + 1];
	size_t len = datagram(words, seed, number);

	/* Lost, if need be: here or behind makes no difference. */
	sendto(me.udp, words, len, MSG_DONTWAIT, (const struct sockaddr *)to,
	       sizeof(*to));
}

static void heard_answer(void)
{
	uint64_t t = now();

	if (me.last_answer && t - me.last_answer > me.longest)
		me.longest = t - me.last_answer;
	me.last_answer = t;
	me.answered++;
}

static void receive_datagram(void)
{
	uint64_t got[256], right[DATAGRAM_MAX / 8 + 1];
	enum seed seed = me.serves ? ANSWER : QUESTION;
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(me.udp, got, sizeof(got), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_len);

	if (n < 0)
		return;
	if (n < 16 || (size_t)n != datagram(right, seed, got[0]) ||
	    memcmp(got, right, n))
		die("a datagram of %zd bytes, number %" PRIx64 ", is wrong", n,
		    got[0]);
	if (me.serves)
		heard_answer();
	else
		send_datagram(&from, ANSWER, got[0]);
}

/* What was not sent in time is not made up for, but for one chunk. */
static void tick(const struct sockaddr_in *guest)
{
	uint64_t t = now(), ticks = 1;

	if (me.ending || t < me.next_tick)
		return;
	if (me.next_tick)
		ticks += (t - me.next_tick) / TICK;
	me.next_tick = t + TICK;
	me.may += ticks * me.rate;
	if (me.may > CHUNK)
		me.may = CHUNK;
	if (me.serves)
		send_datagram(guest, QUESTION, me.asked++);
}

static void obey(char *line)
{
	if (!strncmp(line, "more ", 5)) {
		me.waiting = true;
		me.want_acked = acked() + strtoull(line + 5, NULL, 0);
		me.want_received = me.received + strtoull(line + 5, NULL, 0);
	} else if (!strcmp(line, "status\n")) {
		answer();
	} else if (!strcmp(line, "end\n")) {
		end_stream();
	} else {
		die("peer: %s: no such order", line);
	}
}

static void read_order(void)
{
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (n <= 0)
		exit(1);
	line[n] = '\0';
	obey(line);
}

static void move(void)
{
	struct pollfd fd[] = {
		{ me.tcp, POLLIN | (me.ending || !me.may ? 0 : POLLOUT), 0 },
		{ me.udp, POLLIN, 0 },
		{ me.serves ? STDIN_FILENO : -1, POLLIN, 0 },
	};

	need(poll(fd, 3, TICK) >= 0, "poll");
	if (fd[0].revents & (POLLIN | POLLHUP | POLLERR))
		receive_stream();
	if (fd[0].revents & POLLOUT)
		send_stream();
	if (fd[1].revents & POLLIN)
		receive_datagram();
	if (fd[2].revents)
		read_order();
	if (me.waiting && acked() >= me.want_acked &&
	    me.received >= me.want_received) {
		me.waiting = false;
		answer();
	}
}

static void serve(const struct sockaddr_in *here)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in guest;
	socklen_t len = sizeof(guest);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	need(!bind(listener, (const struct sockaddr *)here, sizeof(*here)) &&
	     !listen(listener, 1), "listen");
	need(!bind(me.udp, (const struct sockaddr *)here, sizeof(*here)), "bind");
	puts("ready");
	fflush(stdout);
	me.tcp = accept4(listener, (struct sockaddr *)&guest, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	need(me.tcp >= 0, "accept");
	guest.sin_port = here->sin_port;
	while (!me.got_all) {
		tick(&guest);
		move();
	}
	answer();
}

static void join(const struct sockaddr_in *wire)
{
	struct sockaddr_in here = *wire;

	here.sin_addr.s_addr = htonl(INADDR_ANY);
	need(!bind(me.udp, (struct sockaddr *)&here, sizeof(here)), "bind");
	me.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(!connect(me.tcp, (const struct sockaddr *)wire, sizeof(*wire)),
	     "connect");
	need(!fcntl(me.tcp, F_SETFL, O_NONBLOCK), "fcntl");
	while (!me.got_all) {
		tick(NULL);
		move();
	}
	end_stream();
	answer();
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int one = 1;

	me.serves = argc == 4 && !strcmp(argv[1], "serve");
	if (!me.serves && (argc != 5 || strcmp(argv[1], "join")))
		die("usage: peer serve PORT KIB | peer join ADDRESS PORT KIB");
	a.sin_port = htons(atoi(argv[argc - 2]));
	me.rate = strtoull(argv[argc - 1], NULL, 0) * 1024 * TICK / 1000;
	me.may = CHUNK;
	if (!me.serves && !inet_aton(argv[2], &a.sin_addr))
		die("peer: %s is no address", argv[2]);
	me.file = -1;
	me.udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	need(!setsockopt(me.udp, SOL_SOCKET, SO_NO_CHECK, &one, sizeof(one)),
	     "SO_NO_CHECK");
	if (me.serves)
		serve(&a);
	else
		join(&a);
	return 0;
}
