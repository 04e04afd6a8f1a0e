"""A real Kamailio as somebody else's provider, found by DNS and finding others by DNS.

It takes its name servers from /etc/resolv.conf alone, at port 53: so it lives in a mount namespace of its own, with a file of its own there.
That needs root, as a test machine has it.
"""

import signal
import subprocess
from pathlib import Path

from lotse import wait_for
from sip import Phone

CONFIG = """\
#!KAMAILIO
debug=2
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
alias="{domain}"
listen=udp:{address}:{port}
listen=tcp:{address}:{port}
dns_try_naptr=yes
dns_naptr_ignore_rfc=no
use_dns_failover=on
dns_use_search_list=no
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)

request_route {{
	if (!mf_process_maxfwd_header("70")) {{
		sl_send_reply("483", "Too Many Hops");
		exit;
	}}
	if (is_method("CANCEL")) {{
		if (t_check_trans()) t_relay();
		exit;
	}}
	if (has_totag()) {{
		if (loose_route()) t_relay();
		else if (!is_method("ACK")) sl_send_reply("404", "Not Here");
		else if (t_check_trans()) t_relay();
		exit;
	}}
	if (is_method("REGISTER")) {{
		save("location");
		exit;
	}}
	if (is_method("INVITE")) record_route();
	if (uri == myself && !lookup("location")) {{
		sl_send_reply("404", "Not Found");
		exit;
	}}
	t_relay();
}}
"""


class Kamailio:
    """Serves `domain` at address:port for whoever comes, and asks `name_server` (an address) about others."""

    def __init__(self, folder, domain, address, port, name_server):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.place = (address, port)
        (self.folder / "kamailio.cfg").write_text(CONFIG.format(domain=domain, address=address, port=port))
        (self.folder / "resolv.conf").write_text(f"nameserver {name_server}\n")
        script = 'mount --bind "$0/resolv.conf" /etc/resolv.conf && exec kamailio -DD -E -m 32 -M 4 -w "$0" -Y "$0" -f "$0/kamailio.cfg"'
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script, str(self.folder)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_for(self._answers, 15, lambda: f"Kamailio does not start: {self.log()[-3000:]}")

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def _answers(self):
        assert self.process.poll() is None, self.log()[-3000:]
        with Phone(self.place, "sip:x@y.test", address=self.place[0]) as phone:
            phone.send(phone.request("MESSAGE", "sip:nobody@{}:{}".format(*self.place), max_forwards=0))
            return phone.receive(0.3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
