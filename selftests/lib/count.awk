# SPDX-License-Identifier: GPL-2.0
#
# count.awk - judge one test program by what it printed (KTAP) and its exit code.
#
#   awk -v rc=EXIT -v limit=SECONDS -f count.awk LOG
#
# Prints "PASSED FAILED SKIPPED REASON...": cases, and why the program itself is
# at fault where it is, which counts as one more failed case. Nothing is taken on
# trust: no plan, fewer cases than planned, or an exit code that does not fit
# the cases, each fails.

function blame(why) { reason = reason (reason == "" ? "" : "; ") why }

/^1\.\.[0-9]+/ {
	if (planned != "")
		blame("two plans")
	planned = substr($1, 4) + 0
	if (planned == 0 && toupper($0) ~ /# *SKIP/)
		skipped++
}
/^ok / { if (toupper($0) ~ /# *SKIP/) skipped++; else passed++; seen++ }
/^not ok / { failed++; seen++ }
/^Bail out!/ { blame(tolower(substr($0, 1, 1)) substr($0, 2)) }

END {
	if (rc == 124 || rc == 137)
		blame("killed after " limit " s")
	else if (rc == 4 && (passed || failed))
		blame("exit 4 though not all is skipped")
	else if (rc == 0 && failed)
		blame("exit 0 though a case failed")
	else if (rc != 0 && rc != 4 && !failed)
		blame("exit " rc)
	if (planned == "")
		blame("no plan")
	else if (seen + 0 != planned)
		blame(seen + 0 " of " planned " cases ran")
	if (reason != "")
		failed++
	print passed + 0, failed + 0, skipped + 0, reason
}
