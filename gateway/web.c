#include "gateway/web.h"

#include "base/http.h"
#include "base/mem.h"
#include "gateway/figures.h"

struct web {
	struct gateway *gateway;
	struct http_server *server;
	struct reg_reader *reader; /* of the server's thread */
	struct http_change *change;
	const struct conf *prepared;
	struct addr bound[HTTP_LISTENERS_MAX]; /* by number in `listen` of what was prepared last */
	struct addr admin;
};

/* ---------------------------------------------------------------------------- look-ups */

static void on_lookup(void *arg, const struct http_request *request, struct http_reply *reply)
{
	struct web *web = arg;

	federation_serve(web->gateway->federation, web->reader, request, reply);
}

/* ---------------------------------------------------------------------------- the admin address */

static void on_admin(void *arg, const struct http_request *request, struct http_reply *reply)
{
	struct web *web = arg;

	if (!str_eq(request->head->method, STR("GET")) &&
	    !str_eq(request->head->method, STR("HEAD"))) {
		reply->status = 405;
		buf_z(&reply->headers, "Allow: GET, HEAD\r\n");
		return;
	}
	reply->status = 200;
	if (str_eq(request->head->path, STR("/metrics"))) {
		buf_z(&reply->headers,
		      "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
		figures_write(web->gateway, &reply->body);
		return;
	}
	buf_z(&reply->headers, "Content-Type: text/plain; charset=utf-8\r\n");
	if (str_eq(request->head->path, STR("/"))) {
		buf_z(&reply->body, "Lotse. Figures for Prometheus: /metrics\n");
		return;
	}
	reply->status = 404;
	buf_z(&reply->body, "There is / and /metrics.\n");
}

/* ---------------------------------------------------------------------------- listeners */

enum err web_prepare(struct web *web, const struct conf *conf, struct buf *why)
{
	struct http_listener_conf listeners[HTTP_LISTENERS_MAX];
	size_t places[HTTP_LISTENERS_MAX];
	struct http_conf http = { .listeners = listeners,
		                  .certificate = conf->tls.certificate.bytes,
		                  .key = conf->tls.key.bytes,
		                  .ca = conf->tls.ca.bytes };
	enum err e;

	listeners[0] = (struct http_listener_conf){ .addr = conf->admin.addr,
		                                    .handler = on_admin,
		                                    .arg = web };
	http.listener_count = 1;
	for (size_t i = 0; i < conf->listen_count && http.listener_count < HTTP_LISTENERS_MAX;
	     i++) {
		if (conf->listen[i].scheme != CONF_SCHEME_HTTPS)
			continue;
		places[http.listener_count] = i;
		listeners[http.listener_count++] = (struct http_listener_conf){
			.addr = conf->listen[i].addr, .tls = true, .handler = on_lookup, .arg = web
		};
	}
	e = http_prepare(web->server, &http, &web->change, why);
	if (e != ERR_OK)
		return e;
	web->prepared = conf;
	web->admin = http_change_addr(web->change, 0);
	for (size_t i = 1; i < http.listener_count; i++)
		web->bound[places[i]] = http_change_addr(web->change, i);
	return ERR_OK;
}

const struct addr *web_bound(const struct web *web, const struct conf_listener *listener)
{
	return &web->bound[listener - web->prepared->listen];
}

const struct addr *web_admin_bound(const struct web *web)
{
	return &web->admin;
}

void web_switch(struct web *web)
{
	if (web->change != NULL)
		http_commit(web->server, web->change);
	web->change = NULL;
}

void web_abandon(struct web *web)
{
	http_abandon(web->server, web->change);
	web->change = NULL;
}

enum err web_open(struct web **out, struct gateway *g)
{
	const struct http_limits limits = { 0 };
	struct web *web = mem_zero(sizeof(*web));
	enum err e;

	if (web == NULL)
		return ERR_NOMEM;
	web->gateway = g;
	e = reg_reader_open(&web->reader, g->registrar);
	if (e == ERR_OK)
		e = http_open(&web->server, &limits);
	if (e != ERR_OK)
		web_close(web);
	else
		*out = web;
	return e;
}

void web_close(struct web *web)
{
	if (web == NULL)
		return;
	web_abandon(web);
	http_close(web->server);
	reg_reader_close(web->reader);
	free(web);
}
