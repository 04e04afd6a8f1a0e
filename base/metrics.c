#include "base/metrics.h"

#include "base/mem.h"

#include <stdio.h>

#define BOUNDS_MAX 24
#define SECONDS_MAX 1e9 /* of one observation */

struct metric {
	_Atomic(struct metric *) next; /* set once, before the cell is published */
	const struct metric_def *def;
	char labels[METRIC_LABELS_MAX];
	_Atomic int64_t value;      /* count of observations for a histogram */
	_Atomic uint64_t sum_ns;    /* histogram */
	_Atomic uint64_t buckets[]; /* histogram: one a bound, not cumulative */
};

struct series {
	_Atomic(struct metric *) cells;
	struct metric *other;
	unsigned count;
};

struct metrics {
	const struct metric_def *defs;
	unsigned def_count;
	unsigned shards;
	struct series *series; /* [def * shards + shard] */
};

static struct metric *new_cell(const struct metric_def *def, struct str labels)
{
	struct metric *cell = mem_zero(sizeof(*cell) + def->bound_count * sizeof(cell->buckets[0]));

	if (cell == NULL)
		return NULL;
	cell->def = def;
	if (str_to_z(labels, cell->labels, sizeof(cell->labels)) != ERR_OK) {
		free(cell);
		return NULL;
	}
	return cell;
}

static void publish(struct series *s, struct metric *cell)
{
	atomic_init(&cell->next, atomic_load_explicit(&s->cells, memory_order_relaxed));
	atomic_store_explicit(&s->cells, cell, memory_order_release);
	s->count++;
}

enum err metrics_open(struct metrics **out, const struct metric_def *defs, unsigned count,
                      unsigned shards)
{
	struct metrics *m = mem_zero(sizeof(*m));

	if (m == NULL)
		return ERR_NOMEM;
	m->defs = defs;
	m->def_count = count;
	m->shards = shards;
	m->series = calloc((size_t)count * shards, sizeof(*m->series));
	if (m->series == NULL)
		goto fail;
	for (unsigned i = 0; i < count * shards; i++) {
		must(defs[i / shards].bound_count <= BOUNDS_MAX);
		m->series[i].other = new_cell(&defs[i / shards], STR("overflow=\"other\""));
		if (m->series[i].other == NULL)
			goto fail;
	}
	*out = m;
	return ERR_OK;
fail:
	metrics_close(m);
	return ERR_NOMEM;
}

static void close_series(struct series *s)
{
	struct metric *cell = atomic_load(&s->cells);

	while (cell != NULL) {
		struct metric *next = atomic_load(&cell->next);

		free(cell);
		cell = next;
	}
	free(s->other);
}

void metrics_close(struct metrics *m)
{
	if (m == NULL)
		return;
	for (unsigned i = 0; m->series != NULL && i < m->def_count * m->shards; i++)
		close_series(&m->series[i]);
	free(m->series);
	free(m);
}

static struct metric *find(const struct series *s, struct str labels)
{
	struct metric *cell = atomic_load_explicit(&s->cells, memory_order_acquire);

	while (cell != NULL && !str_eq(str_from(cell->labels), labels))
		cell = atomic_load_explicit(&cell->next, memory_order_relaxed);
	return cell;
}

struct metric *metric_get(struct metrics *m, unsigned def, unsigned shard, struct str labels)
{
	struct series *s;
	struct metric *cell;

	must(def < m->def_count && shard < m->shards);
	s = &m->series[def * m->shards + shard];
	cell = find(s, labels);
	if (cell != NULL)
		return cell;
	if (s->count >= METRIC_CELLS_MAX)
		return s->other;
	cell = new_cell(&m->defs[def], labels);
	if (cell == NULL)
		return s->other;
	publish(s, cell);
	return cell;
}

void metric_add(struct metric *cell, int64_t n)
{
	int64_t now = atomic_load_explicit(&cell->value, memory_order_relaxed);

	atomic_store_explicit(&cell->value, now + n, memory_order_relaxed);
}

void metric_set(struct metric *cell, int64_t n)
{
	atomic_store_explicit(&cell->value, n, memory_order_relaxed);
}

static void add_relaxed(_Atomic uint64_t *at, uint64_t n)
{
	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

void metric_observe(struct metric *cell, double seconds)
{
	unsigned i = 0;

	while (i < cell->def->bound_count && seconds > cell->def->bounds[i])
		i++;
	if (i < cell->def->bound_count)
		add_relaxed(&cell->buckets[i], 1);
	/* A clock that went backwards, or nonsense, counts as nothing; 580 years are the most that a sum holds. */
	if (seconds > 0 && seconds < SECONDS_MAX)
		add_relaxed(&cell->sum_ns, (uint64_t)(seconds * 1e9));
	metric_add(cell, 1);
}

struct total {
	int64_t value;
	uint64_t sum_ns;
	uint64_t buckets[BOUNDS_MAX];
};

static void add_cell(struct total *t, const struct metric *cell)
{
	t->value += atomic_load_explicit(&cell->value, memory_order_relaxed);
	t->sum_ns += atomic_load_explicit(&cell->sum_ns, memory_order_relaxed);
	for (unsigned i = 0; i < cell->def->bound_count; i++)
		t->buckets[i] += atomic_load_explicit(&cell->buckets[i], memory_order_relaxed);
}

int64_t metrics_total(const struct metrics *m, unsigned def)
{
	struct total t = { 0 };

	must(def < m->def_count);
	for (unsigned shard = 0; shard < m->shards; shard++) {
		const struct series *s = &m->series[def * m->shards + shard];
		const struct metric *cell = atomic_load_explicit(&s->cells, memory_order_acquire);

		add_cell(&t, s->other);
		for (; cell != NULL; cell = atomic_load_explicit(&cell->next, memory_order_relaxed))
			add_cell(&t, cell);
	}
	return t.value;
}

static void write_sample(struct buf *out, const char *name, const char *suffix, const char *labels,
                         const char *more, const char *value)
{
	const char *comma = labels[0] != '\0' && more[0] != '\0' ? "," : "";

	if (labels[0] == '\0' && more[0] == '\0')
		buf_printf(out, "%s%s %s\n", name, suffix, value);
	else
		buf_printf(out, "%s%s{%s%s%s} %s\n", name, suffix, labels, comma, more, value);
}

static void write_histogram(struct buf *out, const struct metric_def *def, const char *labels,
                            const struct total *t)
{
	uint64_t below = 0;
	char more[48];
	char value[40];

	for (unsigned i = 0; i < def->bound_count; i++) {
		below += t->buckets[i];
		(void)snprintf(more, sizeof(more), "le=\"%g\"", def->bounds[i]);
		(void)snprintf(value, sizeof(value), "%llu", (unsigned long long)below);
		write_sample(out, def->name, "_bucket", labels, more, value);
	}
	/* Who counts meanwhile has counted the bucket first: the whole is never less than its parts. */
	if ((uint64_t)t->value > below)
		below = (uint64_t)t->value;
	(void)snprintf(value, sizeof(value), "%llu", (unsigned long long)below);
	write_sample(out, def->name, "_bucket", labels, "le=\"+Inf\"", value);
	write_sample(out, def->name, "_count", labels, "", value);
	(void)snprintf(value, sizeof(value), "%.9f", (double)t->sum_ns / 1e9);
	write_sample(out, def->name, "_sum", labels, "", value);
}

static void write_total(struct buf *out, const struct metric_def *def, const char *labels,
                        const struct total *t)
{
	char value[40];

	if (def->type == METRIC_HISTOGRAM) {
		write_histogram(out, def, labels, t);
		return;
	}
	(void)snprintf(value, sizeof(value), "%lld", (long long)t->value);
	write_sample(out, def->name, "", labels, "", value);
}

static void write_series(const struct metrics *m, unsigned def, const char *labels, struct buf *out)
{
	struct total t = { 0 };

	for (unsigned shard = 0; shard < m->shards; shard++) {
		const struct series *s = &m->series[def * m->shards + shard];
		const struct metric *cell = find(s, str_from(labels));

		if (cell != NULL)
			add_cell(&t, cell);
	}
	write_total(out, &m->defs[def], labels, &t);
}

/* Is this label set written already, for a shard before this one? */
static bool seen_before(const struct metrics *m, unsigned def, unsigned shard, const char *labels)
{
	for (unsigned i = 0; i < shard; i++) {
		if (find(&m->series[def * m->shards + i], str_from(labels)) != NULL)
			return true;
	}
	return false;
}

static void write_def(const struct metrics *m, unsigned def, struct buf *out)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };
	struct total other = { 0 };

	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->defs[def].name, m->defs[def].help,
	           m->defs[def].name, types[m->defs[def].type]);
	for (unsigned shard = 0; shard < m->shards; shard++) {
		const struct series *s = &m->series[def * m->shards + shard];
		const struct metric *cell = atomic_load_explicit(&s->cells, memory_order_acquire);

		for (; cell != NULL;
		     cell = atomic_load_explicit(&cell->next, memory_order_relaxed)) {
			if (!seen_before(m, def, shard, cell->labels))
				write_series(m, def, cell->labels, out);
		}
		add_cell(&other, s->other);
	}
	if (other.value != 0)
		write_total(out, &m->defs[def], "overflow=\"other\"", &other);
}

void metrics_write(const struct metrics *m, struct buf *out)
{
	for (unsigned def = 0; def < m->def_count; def++)
		write_def(m, def, out);
}
