/* A stream: however it is split, the same frames come out. The first octet chooses how.
 *
 * corpus: tests/corpus/rfc4475 tests/corpus/callflow */
#include "sip/frame.h"

#define INPUT_MAX 4096
#define FRAMES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found {
	size_t count;
	struct {
		enum sip_frame_kind kind;
		size_t len;
	} frames[FRAMES_MAX];
};

/* Feed the stream `step` octets at a time; 0: all at once. */
static void feed(struct str in, size_t step, struct found *found)
{
	struct sip_framer framer;
	size_t end = step == 0 ? in.len : 0;
	size_t start = 0;

	found->count = 0;
	sip_framer_init(&framer);
	for (;;) {
		struct sip_frame frame = sip_framer_next(&framer,
		                                         str_of(in.p + start, end - start));

		if (frame.kind == SIP_FRAME_MORE) {
			must(frame.len > 0);
			if (end == in.len)
				return;
			end = end + step < in.len ? end + step : in.len;
			continue;
		}
		must(frame.len <= end - start);
		must(found->count < FRAMES_MAX);
		found->frames[found->count].kind = frame.kind;
		found->frames[found->count++].len = frame.len;
		if (frame.kind == SIP_FRAME_BAD)
			return;
		must(frame.len > 0);
		start += frame.len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct found whole;
	static struct found split;
	struct str in;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	/* Messages of the corpus begin with their first octet, so it counts too. */
	in = str_of((const char *)data, size);
	feed(in, 0, &whole);
	feed(in, (size_t)data[0] % 17 + 1, &split);
	must(whole.count == split.count);
	for (size_t i = 0; i < whole.count; i++)
		must(whole.frames[i].kind == split.frames[i].kind &&
		     whole.frames[i].len == split.frames[i].len);
	return 0;
}
