/* SPDX-License-Identifier: GPL-2.0 */
/*
 * describe.h - a port as JSON, which the commands print as it is or as text.
 */
#ifndef VHOST_XDP_DESCRIBE_H
#define VHOST_XDP_DESCRIBE_H

#include <jansson.h>

#include "maps.h"
#include "port.h"

/* What fits a line of `list`. */
json_t *describe_port(const struct port *port, const struct maps *maps);
/* All: the above, features, queues. */
json_t *describe_port_fully(const struct port *port, const struct maps *maps);
/* The counters of the module and of the programs, with their meanings. */
json_t *describe_stats(const struct port *port, const struct maps *maps);

/* Prints what describe_port_fully() made. */
void print_port(json_t *doc);

#endif /* VHOST_XDP_DESCRIBE_H */
