#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "survey.h"

static int readable(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char byte;
	int done = fd >= 0 && read(fd, &byte, 1) == 1;

	if (fd >= 0)
		close(fd);
	return done;
}

static int writable(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	int done = fd >= 0 && write(fd, "#\n", 2) == 2;

	if (fd >= 0)
		close(fd);
	return done;
}

static int entries(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int n = 0;

	if (directory == NULL)
		return -1;
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.' || (entry->d_name[1] != '\0' && entry->d_name[1] != '.'))
			n++;
	closedir(directory);
	return n;
}

void survey_files(void)
{
	const char *home = wanted("HOME");
	const char *key = wanted("SURVEY_KEY");
	const char *beside = wanted("SURVEY_BESIDE");

	if (home == NULL || key == NULL || beside == NULL)
		return;
	finding("files in the home directory", "%d", entries(home));
	outcome("read the key in ~/.ssh", readable(key));
	outcome("write into the home directory", chdir(home) == 0 && writable("survey-was-here"));
	outcome("write beside the project", writable(beside));
	outcome("may write in /etc", access("/etc", W_OK) == 0);
	outcome("write into the project", chdir(wanted("SURVEY_PROJECT")) == 0 && writable("notes.txt"));
	outcome("plant a git hook", writable(".git/hooks/post-commit"));
}
