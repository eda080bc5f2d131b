#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey.h"

void finding(const char *name, const char *format, ...)
{
	va_list arguments;

	printf("%s\t", name);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

void outcome(const char *name, int done)
{
	if (done)
		finding(name, "yes");
	else
		finding(name, "no (%s)", strerror(errno));
}

const char *wanted(const char *variable)
{
	const char *value = getenv(variable);

	if (value == NULL)
		fprintf(stderr, "survey: %s is not set\n", variable);
	return value;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "serve") == 0)
		return serve();
#define TOPIC(function) function();
#include "topics.h"
#undef TOPIC
	return 0;
}
