/*
 * crowd starts processes that nobody waits for.
 *
 *   crowd hold ...      three that ignore what can be ignored, in sessions of
 *                       their own; waits for ever
 *   crowd hold X follow the same, and they end after this one
 *   crowd storm N       N, each made by a process that has ended before; waits
 *                       for a line before and after, and says how many zombies
 *                       and other processes it sees at the end
 */
#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	nanosleep(&t, NULL);
}

/* What becomes of an orphan. */
enum fate { ENDS, HOLDS, FOLLOWS };

static int orphan(enum fate fate)
{
	pid_t first = getpid(), pid = fork();

	if (pid < 0)
		return -1;
	if (pid > 0)
		return waitpid(pid, NULL, 0) == pid ? 0 : -1;
	pid = fork();
	if (pid != 0)
		_exit(pid < 0);
	if (fate == ENDS)
		_exit(0);
	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	while (fate == HOLDS)
		pause();
	while (kill(first, 0) == 0)
		nap(5);
	_exit(0);
}

/* others counts processes besides PID 1 and this one. */
static int others(int *zombies)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;
	*zombies = 0;
	while (d && (e = readdir(d))) {
		char path[280], line[512], *end;
		FILE *f;
		int pid = atoi(e->d_name);
		if (!isdigit((unsigned char)e->d_name[0]) || pid == 1 || pid == getpid())
			continue;
		snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
		if (!(f = fopen(path, "r")))
			continue;
		if (fgets(line, sizeof line, f) && (end = strrchr(line, ')'))) {
			n++;
			*zombies += end[2] == 'Z';
		}
		fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

static int storm(int n)
{
	char line[16];
	int failed = 0, left = 0, zombies = 0;
	puts("ready");
	if (!fgets(line, sizeof line, stdin))
		return 2;
	for (int i = 0; i < n; i++)
		failed += orphan(ENDS) != 0;
	for (int i = 0; i < 2000 && (left = others(&zombies)) > 0; i++)
		nap(10);
	printf("failed %d left %d zombies %d\n", failed, left, zombies);
	return fgets(line, sizeof line, stdin) ? 7 : 2;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc >= 3 && !strcmp(argv[1], "storm"))
		return storm(atoi(argv[2]));
	if (argc < 2 || strcmp(argv[1], "hold"))
		return 2;
	for (int i = 0; i < 3; i++)
		if (orphan(argc > 3 ? FOLLOWS : HOLDS) != 0)
			return 1;
	for (;;)
		pause();
}
