/*
 * Compiles policies with libseccomp, for the tests to compare with.
 *
 * Standard input holds policies, a line each step:
 *
 *	default ACTION
 *	rule ACTION NAME [ARG OP VALUE VALUE2]...
 *	end
 *
 * with numbers in C's spelling, ACTION as seccomp.h has it, and OP as the value
 * of enum scmp_compare. For each policy, standard output gets the length of its
 * program in instructions, as 32 bits, and the program. The length is 0 where
 * libseccomp does not come to an end within a second: 2.5 runs in circles on
 * some sets of ordered comparisons. A rule that it refuses ends the helper with
 * the rule on standard error.
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what, int rc)
{
	fprintf(stderr, "%s: %s\n", what, strerror(rc < 0 ? -rc : rc));
	exit(1);
}

static unsigned long number(char **save, const char *line)
{
	char *word = strtok_r(NULL, " \n", save);

	if (!word)
		fail(line, EINVAL);
	return strtoul(word, NULL, 0);
}

static void add_rule(scmp_filter_ctx ctx, char **save, const char *line)
{
	uint32_t action = number(save, line);
	struct scmp_arg_cmp args[6];
	unsigned int n = 0;
	char *word = strtok_r(NULL, " \n", save);
	int nr = word ? seccomp_syscall_resolve_name(word) : __NR_SCMP_ERROR;

	if (nr == __NR_SCMP_ERROR)
		fail(line, ENOENT);
	while ((word = strtok_r(NULL, " \n", save)) && n < 6) {
		args[n].arg = strtoul(word, NULL, 0);
		args[n].op = number(save, line);
		args[n].datum_a = number(save, line);
		args[n].datum_b = number(save, line);
		n++;
	}
	int rc = seccomp_rule_add_array(ctx, action, nr, n, args);
	if (rc && rc != -EEXIST)
		fail(line, rc);
}

static void put_program(scmp_filter_ctx ctx)
{
	static char buf[64 * 4096];
	FILE *file = tmpfile();
	uint32_t length;
	int rc;

	if (!file)
		fail("tmpfile", errno);
	if ((rc = seccomp_export_bpf(ctx, fileno(file))))
		fail("seccomp_export_bpf", rc);
	rewind(file);
	length = fread(buf, 1, sizeof(buf), file) / 8;
	fwrite(&length, sizeof(length), 1, stdout);
	fwrite(buf, 8, length, stdout);
	fclose(file);
}

/* build compiles one policy and writes its program. */
static void build(char *text)
{
	scmp_filter_ctx ctx = NULL;
	char *next, *line, *save, *word;
	static char copy[65536];

	for (line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		strncpy(copy, line, sizeof(copy) - 1);
		word = strtok_r(line, " ", &save);
		if (word && !strcmp(word, "default")) {
			if (!(ctx = seccomp_init(number(&save, copy))))
				fail(copy, EINVAL);
		} else if (word) {
			add_rule(ctx, &save, copy);
		}
	}
	put_program(ctx);
	fflush(stdout);
}

/* build_within compiles one policy in a child, for at most a second. */
static void build_within(char *text)
{
	const uint32_t none = 0;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		fail("fork", errno);
	if (!pid) {
		alarm(1);
		build(text);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) < 0)
		fail("waitpid", errno);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
		fwrite(&none, sizeof(none), 1, stdout);
		fflush(stdout);
	} else if (status) {
		exit(1);
	}
}

int main(void)
{
	static char text[1 << 20];
	size_t used = 0;

	while (used + 65536 < sizeof(text) && fgets(text + used, 65536, stdin)) {
		if (!strcmp(text + used, "end\n")) {
			text[used] = 0;
			build_within(text);
			used = 0;
		} else {
			used += strlen(text + used);
		}
	}
	return 0;
}
