/* gateway/control_words.h: what the words of the control socket do: the functions of the table in gateway/control_words.c. Nobody else includes this. */
#pragma once
#include "gateway/control_session.h"

void control_status(struct control_session *s);
void control_locate(struct control_session *s);
void control_location_list(struct control_session *s);
void control_location_show(struct control_session *s);
void control_peer_list(struct control_session *s);
void control_peer_show(struct control_session *s);
void control_peer_test(struct control_session *s);
void control_resolver_cache(struct control_session *s);
void control_resolver_flush(struct control_session *s);
void control_user_list(struct control_session *s);
void control_user_export(struct control_session *s);
void control_user_realms(struct control_session *s);
bool control_user_realms_line(struct control_session *s, const struct str *words, size_t count);
void control_user_change(struct control_session *s);
bool control_user_change_line(struct control_session *s, const struct str *words, size_t count);
