// survey prints what a program can see and do where it runs, a line for each
// finding: a name, a tab, the finding.
#ifndef SURVEY_H
#define SURVEY_H

void finding(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

// outcome prints "yes", or "no" with the reason in errno.
void outcome(const char *name, int done);

// wanted returns the value of an environment variable that says what to try,
// or prints that it is not set and returns 0.
const char *wanted(const char *variable);

// serve accepts connections on a port of the loopback device, which it prints.
int serve(void);

#define TOPIC(function) void function(void);
#include "topics.h"
#undef TOPIC

#endif
