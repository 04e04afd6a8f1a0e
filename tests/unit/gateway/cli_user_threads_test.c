/* lotse user without a daemon: what is typed, what it prints, how it ends. (With one: control_threads_test.c.) */
#include "gateway/cli_user.h"

#include "base/buf.h"
#include "base/mem.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 24

struct stage {
	char folder[64];
	char data[96];
	char csv[96];
	char in[96];
	char out[8192];
	char err[8192];
};

static int remove_entry(const char *path, const struct stat *is, int type, struct FTW *at)
{
	(void)is;
	(void)type;
	(void)at;
	return remove(path);
}

static int set_up(void **state)
{
	struct stage *s = mem_zero(sizeof(*s));

	assert_non_null(s);
	(void)snprintf(s->folder, sizeof(s->folder), "/tmp/lotse-user.XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	(void)snprintf(s->data, sizeof(s->data), "%s/data", s->folder);
	(void)snprintf(s->csv, sizeof(s->csv), "%s/users.csv", s->folder);
	(void)snprintf(s->in, sizeof(s->in), "%s/in", s->folder);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *s = *state;

	(void)nftw(s->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(s);
	return 0;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* ---------------------------------------------------------------------------- running a command */

struct redirect {
	int fd;
	int saved;
	FILE *file;
};

static void redirect(struct redirect *r, int fd)
{
	r->fd = fd;
	r->file = tmpfile();
	assert_non_null(r->file);
	(void)fflush(stdout);
	r->saved = dup(fd);
	assert_true(r->saved >= 0 && dup2(fileno(r->file), fd) == fd);
}

static void restore(struct redirect *r, char *out, size_t size)
{
	size_t n;

	(void)fflush(stdout);
	assert_int_equal(dup2(r->saved, r->fd), r->fd);
	(void)close(r->saved);
	rewind(r->file);
	n = fread(out, 1, size - 1, r->file);
	out[n] = '\0';
	(void)fclose(r->file);
}

/* "user" and the words of `line`, in our folder; CSV stands for the file's path. */
static int run(struct stage *s, const char *line, const char *input)
{
	char memory[1024];
	char *argv[WORDS_MAX + 8] = { (char *)(uintptr_t) "user",
		                      (char *)(uintptr_t) "--data",
		                      s->data,
		                      (char *)(uintptr_t) "--domain",
		                      (char *)(uintptr_t) "alpha.example",
		                      (char *)(uintptr_t) "--domain",
		                      (char *)(uintptr_t) "*.beta.example" };
	struct redirect out;
	struct redirect err;
	char *rest = memory;
	int argc = 7;
	int saved_in = dup(STDIN_FILENO);
	int in;
	int status;

	(void)snprintf(memory, sizeof(memory), "%s", line);
	for (char *word = strsep(&rest, " "); word != NULL && argc < WORDS_MAX;
	     word = strsep(&rest, " "))
		argv[argc++] = strcmp(word, "CSV") == 0 ? s->csv : word;
	write_file(s->in, input);
	in = open(s->in, O_RDONLY | O_CLOEXEC);
	assert_true(in >= 0 && saved_in >= 0 && dup2(in, STDIN_FILENO) == STDIN_FILENO);
	(void)close(in);
	rewind(stdin); /* forget that the last one has ended */
	redirect(&out, STDOUT_FILENO);
	redirect(&err, STDERR_FILENO);
	status = cli_user(argc, argv);
	restore(&err, s->err, sizeof(s->err));
	restore(&out, s->out, sizeof(s->out));
	assert_int_equal(dup2(saved_in, STDIN_FILENO), STDIN_FILENO);
	(void)close(saved_in);
	return status;
}

static void has(const char *text, const char *what)
{
	if (strstr(text, what) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", what, text);
}

/* ---------------------------------------------------------------------------- tests */

/* One after the other, on one store. */
static const struct {
	const char *line;
	const char *input;
	int status;
	const char *out;
	const char *err;
} steps[] = {
	{ "list", "", 0, "", "" },
	{ "list --json", "", 0, "[]\n", "" },
	{ "export", "", 0, "", "" },
	{ "add alice@alpha.example", "secret\nmore\n", 0, "added alice@alpha.example\n", "" },
	{ "add alice@alpha.example", "secret\n", 1, "", "alice@alpha.example is there already" },
	/* RFC 2617 3.5's way to compute it, by md5sum and sha256sum: alice:alpha.example:secret */
	{ "export", "", 0,
	  "alice@alpha.example,alpha.example,a0ec423ac3f88653b262369508d6019b,"
	  "e2af6b891099519e01637f11804b670824b5dcad1a64ae4c5071216a1e71feb6\n",
	  "" },
	{ "passwd alice@alpha.example --password other", "", 0, "changed alice@alpha.example\n",
	  "" },
	{ "export", "", 0, "alice@alpha.example,alpha.example,", "" },
	{ "passwd alice@alpha.example", "secret\r\n", 0, "changed",
	  "" }, /* a line's end may be of another system */
	{ "export", "", 0, ",a0ec423ac3f88653b262369508d6019b,", "" },
	{ "passwd nobody@alpha.example --password x", "", 1, "",
	  "there is no account nobody@alpha.example" },
	{ "add bob@X.Beta.Example --password b", "", 0, "added bob@x.beta.example", "" },
	{ "add sip:carol@alpha.example --password c --realm special", "", 0,
	  "added carol@alpha.example", "" },
	{ "list", "", 0,
	  "alice@alpha.example  realm alpha.example\nbob@x.beta.example  realm x.beta.example\ncarol@alpha.example  realm special\n",
	  "" },
	{ "list --json", "", 0,
	  "{\"address\": \"carol@alpha.example\", \"realm\": \"special\", \"algorithms\": [\"SHA-256\", \"MD5\"], \"disabled\": false}\n]\n",
	  "" },
	{ "del carol@alpha.example", "", 0, "removed carol@alpha.example", "" },
	{ "del carol@alpha.example", "", 1, "", "there is no account carol@alpha.example" },
	{ "add x@gamma.example --password x", "", 2, "", "gamma.example is no domain of ours" },
	{ "add x@beta.example --password x", "", 2, "",
	  "beta.example is no domain of ours" }, /* *.beta.example is what lies below */
	{ "add x --password x", "", 2, "", "\"x\" is no address" },
	{ "add x@alpha.example:5060 --password x", "", 2, "", "is no address" },
	{ "add sip:x@alpha.example;transport=tcp --password x", "", 2, "", "is no address" },
	{ "add sips:x@alpha.example --password x", "", 2, "", "is no address" },
	{ "add x@alpha.example", "", 2, "", "no password" },
	{ "add x@alpha.example", "\n", 2, "", "no password" },
	{ "add x@alpha.example --password=", "", 2, "", "the password is empty" },
	{ "add", "", 2, "", "usage:" },
	{ "", "", 2, "", "usage:" },
	{ "add a b c", "", 2, "", "usage:" },
	{ "dance", "", 2, "", "usage:" },
	{ "list --trace", "", 2, "", "usage:" },
	{ "alias a b", "", 2, "", "not in this version" },
	{ "--help", "", 0, "usage: lotse user add", "" },
	{ "list", "", 0,
	  "alice@alpha.example  realm alpha.example\nbob@x.beta.example  realm x.beta.example\n",
	  "" },
};

static void accounts_are_made_and_removed(void **state)
{
	struct stage *s = *state;

	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		int status = run(s, steps[i].line, steps[i].input);

		if (status != steps[i].status)
			fail_msg("%s: %d \"%s\" \"%s\"", steps[i].line, status, s->out, s->err);
		has(s->out, steps[i].out);
		has(s->err, steps[i].err);
	}
}

static const struct {
	const char *csv;
	int status;
	const char *err; /* behind the file's name */
} files[] = {
	{ "a@alpha.example,x\nb@alpha.example,y\n", 0, "" },
	{ "\xef\xbb\xbf"
	  "c@alpha.example,x\r\n\r\n# nobody\n \nd@alpha.example,\"y,\"\"z\"",
	  0, "" },
	{ "", 0, "" },
	{ "e@alpha.example,x\na@alpha.example,y\n", 1, ":2: a@alpha.example is there already" },
	{ "e@alpha.example,x\ne@ALPHA.example,y\n", 2, ":2: e@alpha.example stands here twice" },
	{ "e@alpha.example,x\nf@gamma.example,y\n", 2,
	  ":2: f@gamma.example: gamma.example is no domain of ours" },
	{ "e@alpha.example\n", 2, ":1: not \"user@domain,password\"" },
	{ "e@alpha.example,x,y\n", 2, ":1: not \"user@domain,password\"" },
	{ "e@alpha.example,x,y,z\n", 2, ":1: not \"user@domain,password\"" },
	{ "e@alpha.example,\n", 2, ":1: no password" },
	{ "e,x\n", 2, ":1: \"e\" is no address" },
	{ "e@alpha.example,\"x\n", 2, ":1: a quote that is not closed" },
	{ "e@alpha.example,x\"y\n", 2, ":1: a quote" },
};

static void a_file_is_taken_whole_or_not_at_all(void **state)
{
	struct stage *s = *state;

	for (size_t i = 0; i < COUNT_OF(files); i++) {
		int status;

		write_file(s->csv, files[i].csv);
		status = run(s, "import CSV", "");
		if (status != files[i].status)
			fail_msg("%s: %d \"%s\" \"%s\"", files[i].csv, status, s->out, s->err);
		has(s->err, files[i].err);
		if (status != 0)
			has(s->err, "nothing was imported");
	}
	assert_int_equal(run(s, "list", ""), 0);
	assert_string_equal(
		s->out,
		"a@alpha.example  realm alpha.example\nb@alpha.example  realm alpha.example\n"
		"c@alpha.example  realm alpha.example\nd@alpha.example  realm alpha.example\n");
	assert_int_equal(run(s, "import /nonexistent/file", ""), 2);
	has(s->err, "cannot be read");
	assert_int_equal(run(s, "import -", "a@alpha.example,z\n"), 1);
	has(s->err, "standard input:1: a@alpha.example is there already");
	assert_int_equal(run(s, "import --replace -", "a@alpha.example,z\nnew@alpha.example,z\n"),
	                 0);
	assert_string_equal(s->out, "imported 2 accounts\n");
}

/* Away and back: the same digests. */
static void what_was_exported_can_be_imported(void **state)
{
	struct stage *s = *state;
	char exported[sizeof(s->out)];

	assert_int_equal(run(s, "add alice@alpha.example --password secret", ""), 0);
	assert_int_equal(run(s, "add bob@alpha.example --password secret --realm a,b", ""), 0);
	assert_int_equal(run(s, "export", ""), 0);
	(void)snprintf(exported, sizeof(exported), "%s", s->out);
	assert_int_equal(run(s, "del alice@alpha.example", ""), 0);
	assert_int_equal(run(s, "passwd bob@alpha.example --password changed", ""), 0);
	write_file(s->csv, exported);
	assert_int_equal(run(s, "import --replace CSV", ""), 0);
	assert_int_equal(run(s, "export", ""), 0);
	assert_string_equal(s->out, exported);
}

static void complaints_have_a_bound(void **state)
{
	struct stage *s = *state;
	struct buf b;

	buf_init(&b, (size_t)1 << 20);
	for (int i = 0; i < 120; i++)
		buf_z(&b, "nonsense\n");
	write_file(s->csv, buf_cstr(&b));
	buf_fini(&b);
	assert_int_equal(run(s, "import CSV", ""), 2);
	has(s->err, ":50: not");
	has(s->err, "... and 70 lines more");
	assert_null(strstr(s->err, ":51: not"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(accounts_are_made_and_removed),
		TEST(a_file_is_taken_whole_or_not_at_all),
		TEST(what_was_exported_can_be_imported),
		TEST(complaints_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
