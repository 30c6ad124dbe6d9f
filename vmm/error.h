/* What the host's side says when something fails: once, where it failed, and callers only pass the errno on.
 *
 *     if (fd < 0)
 *         return fail(errno, "cannot open disk %s", path);
 *
 * prints "faultvisor: cannot open disk d.tar: No such file or directory" and returns -ENOENT. A text says
 * what was attempted, on what, and why, and what to do about it where that helps. It ends without a full stop
 * or newline. */
#pragma once
#include <stdarg.h>

#undef fail /* an old macro of <check.h>, which no test of ours uses */

/* Report a failure. error: an errno, whose description is appended, and returned negative; 0 when the text
 * gives the reason by itself: then the result is -EINVAL. */
int fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a failure whose text says it all, but whose errno is to be told from -EINVAL: nothing is
 * appended. */
int fail_as(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Report something that does not stop us: "faultvisor: warning: ...". */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where lines go: each without prefix and newline, in one call. NULL, as it is at the start: standard error,
 * with the prefix. Tests set it to see what was said. */
typedef void error_sink_fn(const char *line);
extern error_sink_fn *error_sink;
