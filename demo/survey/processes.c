#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey.h"

extern char **environ;

static int processes(void)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	if (directory == NULL)
		return -1;
	while ((entry = readdir(directory)) != NULL)
		n += isdigit((unsigned char)entry->d_name[0]) != 0;
	closedir(directory);
	return n;
}

static int variables(void)
{
	int n = 0;

	while (environ[n] != NULL)
		n++;
	return n;
}

// status prints a line of /proc/self/status.
static void status(const char *name, const char *field)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	size_t length = strlen(field);

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, field, length) == 0 && line[length] == ':') {
			line[strcspn(line, "\n")] = '\0';
			finding(name, "%s", line + length + 1 + strspn(line + length + 1, " \t"));
		}
	if (file != NULL)
		fclose(file);
}

void survey_processes(void)
{
	const char *pid = wanted("SURVEY_PID");
	char host[65] = "";

	gethostname(host, sizeof host - 1);
	finding("host name", "%s", host);
	finding("processes", "%d", processes());
	if (pid != NULL)
		outcome("signal a process of the user's", kill(atoi(pid), 0) == 0);
	finding("environment variables", "%d", variables());
	finding("see a token in the environment", "%s", getenv("BUILD_TOKEN") ? "yes" : "no");
	status("capabilities", "CapEff");
	outcome("make namespaces", unshare(CLONE_NEWUSER) == 0);
}
