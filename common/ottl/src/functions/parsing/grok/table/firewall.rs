//! Firewalls: NetScreen and SRX of Juniper, Cisco ASA, iptables and what stands on it.
//!
//! Two definitions of the reference can never match, by a slip of the pen (the user of `302013` and the burst of `733100`);
//! here they do what they are meant to.

use super::Pattern;

pub(super) const PATTERNS: &[Pattern] = &[
    (
        "NETSCREENSESSIONLOG",
        concat!(
            "%{SYSLOGTIMESTAMP:timestamp} %{IPORHOST:observer.hostname} %{NOTSPACE:observer.name}: ",
            "(?P<observer___product>NetScreen) device_id=%{WORD:netscreen.device_id} .*?",
            r"(?:system-\w+-%{NONNEGINT:event.code}\(%{WORD:netscreen.session.type}\))?: ",
            r#"start_time="%{DATA:netscreen.session.start_time}" duration=%{INT:netscreen.session.duration:int} "#,
            "policy_id=%{INT:netscreen.policy_id} service=%{DATA:netscreen.service} ",
            "proto=%{INT:netscreen.protocol_number:int} src zone=%{WORD:observer.ingress.zone} ",
            "dst zone=%{WORD:observer.egress.zone} action=%{WORD:event.action} sent=%{INT:source.bytes:long} ",
            "rcvd=%{INT:destination.bytes:long} src=%{IPORHOST:source.address} dst=%{IPORHOST:destination.address}",
            "(?: src_port=%{INT:source.port:int} dst_port=%{INT:destination.port:int})?",
            "(?: src-xlated ip=%{IP:source.nat.ip} port=%{INT:source.nat.port:int}",
            " dst-xlated ip=%{IP:destination.nat.ip} port=%{INT:destination.nat.port:int})?",
            "(?: session_id=%{INT:netscreen.session.id} reason=%{GREEDYDATA:netscreen.session.reason})?"
        ),
    ),
    // Juniper SRX.
    ("RT_FLOW_TAG", "RT_FLOW_SESSION_CREATE|RT_FLOW_SESSION_CLOSE|RT_FLOW_SESSION_DENY"),
    ("RT_FLOW_EVENT", "%{RT_FLOW_TAG}"),
    (
        "RT_FLOW1",
        concat!(
            "%{RT_FLOW_TAG:juniper.srx.tag}: %{GREEDYDATA:juniper.srx.reason}: %(source)/%(ports) ",
            "%{DATA:juniper.srx.service_name} %{IP:source.nat.ip}/%{INT:source.nat.port:int}->",
            "%{IP:destination.nat.ip}/%{INT:destination.nat.port:int} ",
            "(?:None|%{DATA:juniper.srx.src_nat_rule_name}) (?:None|%{DATA:juniper.srx.dst_nat_rule_name}) ",
            "%{INT:network.iana_number} %{DATA:rule.name} %(zones) %{INT:juniper.srx.session_id} ",
            r"\d+\(%{INT:source.bytes:long}\) \d+\(%{INT:destination.bytes:long}\) ",
            "%{INT:juniper.srx.elapsed_time:int} .*"
        ),
    ),
    (
        "RT_FLOW2",
        concat!(
            "%{RT_FLOW_TAG:juniper.srx.tag}: session created %(source)/%(ports) ",
            "%{DATA:juniper.srx.service_name} %{IP:source.nat.ip}/%{INT:source.nat.port:int}->",
            "%{IP:destination.nat.ip}/%{INT:destination.nat.port:int} ",
            "(?:None|%{DATA:juniper.srx.src_nat_rule_name}) (?:None|%{DATA:juniper.srx.dst_nat_rule_name}) ",
            "%{INT:network.iana_number} %{DATA:rule.name} %(zones) %{INT:juniper.srx.session_id} .*"
        ),
    ),
    (
        "RT_FLOW3",
        concat!(
            "%{RT_FLOW_TAG:juniper.srx.tag}: session denied %(source)/%(ports) %{DATA:juniper.srx.service_name} ",
            r"%{INT:network.iana_number}\(\d\) %{DATA:rule.name} %(zones) .*"
        ),
    ),
    // Cisco ASA: heads and parts.
    (
        "CISCO_TAGGED_SYSLOG",
        concat!(
            "^<%{POSINT:log.syslog.priority:int}>%{CISCOTIMESTAMP:timestamp}(?: %{SYSLOGHOST:host.name})?",
            " ?: %%{CISCOTAG:cisco.asa.tag}:"
        ),
    ),
    ("CISCOTIMESTAMP", "%{MONTH} +%{MONTHDAY}(?: %{YEAR})? %{TIME}"),
    ("CISCOTAG", "[A-Z0-9]+-%{INT}-[A-Z0-9_]+"),
    (
        "CISCO_ACTION",
        concat!(
            "Built|Teardown|Deny|Denied|denied by ACL|requested|permitted|denied|discarded|est-allowed",
            "|Dropping|created|deleted"
        ),
    ),
    (
        "CISCO_REASON",
        concat!(
            "Duplicate TCP SYN|Failed to locate egress interface|Invalid transport field|No matching connection",
            r"|DNS Response|DNS Query|(?:%{WORD}\s*)*"
        ),
    ),
    ("CISCO_DIRECTION", "[Ii]nbound|[Oo]utbound"),
    ("CISCO_INTERVAL", "first hit|%{INT}-second interval"),
    ("CISCO_XLATE_TYPE", "static|dynamic"),
    (
        "CISCO_HITCOUNT_INTERVAL",
        "hit-cnt %{INT:cisco.asa.hit_count:int} (?:first hit|%{INT:cisco.asa.interval:int}-second interval)",
    ),
    ("CISCO_SRC_IP_USER", "%(in):%(source)%(source-user)"),
    ("CISCO_DST_IP_USER", "%(out):%(destination)%(destination-user)"),
    (
        "CISCO_SRC_HOST_PORT_USER",
        "%(in):(?:%(source)|%{HOSTNAME:source.address})(?:/%{INT:source.port:int})?%(source-user)",
    ),
    (
        "CISCO_DST_HOST_PORT_USER",
        "%(out):(?:%(destination)|%{HOSTNAME:destination.address})(?:/%{INT:destination.port:int})?%(destination-user)",
    ),
    // Cisco ASA: messages, by their numbers.
    ("CISCOFW104001", "%(mate) Switching to ACTIVE - %{GREEDYDATA:event.reason}"),
    ("CISCOFW104002", "%(mate) Switching to STANDBY - %{GREEDYDATA:event.reason}"),
    ("CISCOFW104003", r"%(mate) Switching to FAILED\."),
    ("CISCOFW104004", r"%(mate) Switching to OK\."),
    ("CISCOFW105003", "%(mate) Monitoring on %(interface) waiting"),
    ("CISCOFW105004", "%(mate) Monitoring on %(interface) normal"),
    ("CISCOFW105005", "%(mate) Lost Failover communications with mate on %(interface)"),
    ("CISCOFW105008", "%(mate) Testing %(interface)"),
    ("CISCOFW105009", "%(mate) Testing on %(interface) (?:Passed|Failed)"),
    (
        "CISCOFW106001",
        "%(direction) %(transport) connection %(action) from %(from) to %(to) flags %{DATA:cisco.asa.tcp_flags} on interface %(out)",
    ),
    (
        "CISCOFW106006_106007_106010",
        concat!(
            "%(action) %(direction) %(transport) (?:from|src) %(from)%(source-user) (?:to|dst) %(to)%(destination-user) ",
            "(?:on interface %(out)|due to %(reason))"
        ),
    ),
    (
        "CISCOFW106014",
        r"%(action) %(direction) %(transport) src %{CISCO_SRC_IP_USER} dst %{CISCO_DST_IP_USER}\s?%(icmp)",
    ),
    (
        "CISCOFW106015",
        concat!(
            r"%(action) %(transport) \(%{DATA:cisco.asa.rule_name}\) from %(from) to %(to) ",
            "flags %{DATA:cisco.asa.tcp_flags} on interface %(out)"
        ),
    ),
    (
        "CISCOFW106021",
        "%(action) %(transport) reverse path check from %(source) to %(destination) on interface %(out)",
    ),
    (
        "CISCOFW106023",
        concat!(
            "%{CISCO_ACTION:action}(?: protocol)? %{WORD:network.protocol.name} ",
            r"src %{DATA:source.interface}:%{DATA:source.address}(?:/%{INT:source.port})?(?:\(%{DATA:source.fwuser}\))? ",
            "dst %{DATA:destination.interface}:%{DATA:destination.address}(?:/%{INT:destination.port})?",
            r"(?:\(%{DATA:destination.fwuser}\))?(?: \(type %{INT:icmp_type}, code %{INT:icmp_code}\))? ",
            r#"by access-group "?%{DATA:policy_id}"? \[%{DATA:hashcode1}, %{DATA:hashcode2}\]"#
        ),
    ),
    (
        "CISCOFW106100_2_3",
        concat!(
            "access-list %{NOTSPACE:cisco.asa.rule_name} %(action) %(transport) for user '%{DATA:user.name}' ",
            r"%(in-part)/%(source)\(%{INT:source.port:int}\) -> ",
            r"%(out-part)/%(destination)\(%{INT:destination.port:int}\) %{CISCO_HITCOUNT_INTERVAL} %(hash)"
        ),
    ),
    (
        "CISCOFW106100",
        concat!(
            "access-list %{NOTSPACE:cisco.asa.rule_name} %(action) %(transport) ",
            r"%(in-part)/%(source)\(%{INT:source.port:int}\)%(source-user) -> ",
            r"%(out-part)/%(destination)\(%{INT:destination.port:int}\)%(source-user) ",
            "hit-cnt %{INT:cisco.asa.hit_count:int} %{CISCO_INTERVAL} %(hash)"
        ),
    ),
    (
        "CISCOFW304001",
        "%(source)%(source-user) Accessed URL %(destination):%{GREEDYDATA:url.original}",
    ),
    ("CISCOFW110002", "%(reason) for %(transport) from %(in-part):%(from) to %(to)"),
    (
        "CISCOFW302010",
        "%{INT:cisco.asa.connections.in_use:int} in use, %{INT:cisco.asa.connections.most_used:int} most used",
    ),
    (
        "CISCOFW302013_302014_302015_302016",
        concat!(
            "%(action)(?: %(direction))? %(transport) connection %{INT:cisco.asa.connection_id} ",
            r"for %(in):%(from)(?: \(%{IP:source.nat.ip}/%{INT:source.nat.port:int}\))?%(source-user) ",
            r"to %(out):%(to)(?: \(%{IP:destination.nat.ip}/%{INT:destination.nat.port:int}\))?%(destination-user)",
            "(?: duration %{TIME:cisco.asa.duration} bytes %{INT:network.bytes:long})?",
            r"(?: %(reason))?(?: \(%{DATA:user.name}\))?"
        ),
    ),
    (
        "CISCOFW302020_302021",
        concat!(
            "%(action)(?: %(direction))? %(transport) connection ",
            "for faddr %(destination)/%{INT:cisco.asa.icmp_seq:int}%(destination-user) ",
            r"gaddr %{IP:source.nat.ip}/%{INT:cisco.asa.icmp_type:int} laddr %(source)/%{INT}(?: \(%{DATA:source.user.name}\))?"
        ),
    ),
    (
        "CISCOFW305011",
        concat!(
            "%(action) %{CISCO_XLATE_TYPE} %(transport) translation ",
            "from %(in-part):%(source)(?:/%{INT:source.port:int})?%(source-user) to %(out-part):%(to)"
        ),
    ),
    (
        "CISCOFW313001_313004_313008",
        concat!(
            "%(action) %(transport) type=%{INT:cisco.asa.icmp_type:int}, code=%{INT:cisco.asa.icmp_code:int} ",
            "from %(source) on interface %(out)(?: to %(destination))?"
        ),
    ),
    (
        "CISCOFW313005",
        concat!(
            "%(reason) for %(transport) error message: %{WORD} src %{CISCO_SRC_IP_USER} dst %{CISCO_DST_IP_USER} %(icmp) ",
            r"on %{NOTSPACE} interface\.\s+Original IP payload: %{WORD:cisco.asa.original_ip_payload.network.transport} ",
            "src %{IP:cisco.asa.original_ip_payload.source.address}/%{INT:cisco.asa.original_ip_payload.source.port:int}",
            r"(?:\(%{DATA:cisco.asa.original_ip_payload.source.user.name}\))? ",
            "dst %{IP:cisco.asa.original_ip_payload.destination.address}/",
            "%{INT:cisco.asa.original_ip_payload.destination.port:int}",
            r"(?:\(%{DATA:cisco.asa.original_ip_payload.destination.user.name}\))?"
        ),
    ),
    (
        "CISCOFW321001",
        "Resource '%{DATA:cisco.asa.resource.name}' limit of %{POSINT:cisco.asa.resource.limit:int} reached for system",
    ),
    (
        "CISCOFW402117",
        concat!(
            r"%{WORD:cisco.asa.network.type}: Received a non-IPSec packet \(protocol=\s?%(transport)\) ",
            r"from %(source) to %(destination)\.?"
        ),
    ),
    (
        "CISCOFW402119",
        concat!(
            "%{WORD:cisco.asa.network.type}: Received an %{WORD:cisco.asa.ipsec.protocol} packet ",
            r"\(SPI=\s?%{DATA:cisco.asa.ipsec.spi}, sequence number=\s?%{DATA:cisco.asa.ipsec.seq_num}\) ",
            r"from %(source) \(user=\s?%{DATA:source.user.name}\) to %(destination) that failed anti-replay checking\.?"
        ),
    ),
    (
        "CISCOFW419001",
        "%(action) %(transport) packet from %(in):%(from) to %(out):%(to), reason: %{GREEDYDATA:event.reason}",
    ),
    (
        "CISCOFW419002",
        "%(reason) from %(in-part):%(from) to %(out-part):%(to) with different initial sequence number",
    ),
    ("CISCOFW500004", "%(reason) for protocol=%(transport), from %(from) to %(to)"),
    (
        "CISCOFW602303_602304",
        concat!(
            "%{WORD:cisco.asa.network.type}: An %(direction) %{DATA:cisco.asa.ipsec.tunnel_type} SA ",
            r"\(SPI=%{DATA:cisco.asa.ipsec.spi}\) between %(source) and %(destination) ",
            r"\(user=%{DATA:source.user.name}\) has been %(action)"
        ),
    ),
    (
        "CISCOFW710001_710002_710003_710005_710006",
        "%(transport) (?:request|access) %(action) from %(from) to %(out-part):%(to)",
    ),
    (
        "CISCOFW713172",
        concat!(
            r"Group = %{DATA:cisco.asa.source.group}, IP = %(source), Automatic NAT Detection Status:\s+",
            r"Remote end\s*%{DATA:metadata.cisco.asa.remote_nat}\s*behind a NAT device\s+",
            r"This\s+end\s*%{DATA:metadata.cisco.asa.local_nat}\s*behind a NAT device"
        ),
    ),
    (
        "CISCOFW733100",
        concat!(
            r"\[\s*%{DATA:cisco.asa.burst.object}\s*\] drop %{DATA:cisco.asa.burst.id} exceeded. ",
            "Current burst rate is %{INT:cisco.asa.burst.current_rate:int} per second, ",
            "max configured rate is %{INT:cisco.asa.burst.configured_rate:int}; ",
            "Current average rate is %{INT:cisco.asa.burst.avg_rate:int} per second, ",
            "max configured rate is %{INT:cisco.asa.burst.configured_avg_rate:int}; ",
            "Cumulative total count is %{INT:cisco.asa.burst.cumulative_count:int}"
        ),
    ),
    // iptables.
    ("IPTABLES_TCP_FLAGS", "(?:(?:CWR|ECE|URG|ACK|PSH|RST|SYN|FIN) )*"),
    (
        "IPTABLES_TCP_PART",
        concat!(
            r"(?:SEQ=%{INT:iptables.tcp.seq:int}\s+)?(?:ACK=%{INT:iptables.tcp.ack:int}\s+)?",
            r"WINDOW=%{INT:iptables.tcp.window:int}\s+RES=0x%{BASE16NUM:iptables.tcp_reserved_bits}\s+",
            "%{IPTABLES_TCP_FLAGS:iptables.tcp.flags}"
        ),
    ),
    ("IPTABLES4_FRAG", r"(?:\s?(?:CE|DF|MF))*"),
    (
        "IPTABLES4_PART",
        concat!(
            r"SRC=%{IPV4:source.address}\s+DST=%{IPV4:destination.address}\s+LEN=(?:%{INT:iptables.length:int})?\s+",
            r"TOS=(?:0|0x%{BASE16NUM:iptables.tos})?\s+PREC=(?:0x%{BASE16NUM:iptables.precedence_bits})?\s+",
            r"TTL=(?:%{INT:iptables.ttl:int})?\s+ID=(?:%{INT:iptables.id})?\s+",
            r"(?:%{IPTABLES4_FRAG:iptables.fragment_flags})?(?:\s+FRAG: %{INT:iptables.fragment_offset:int})?"
        ),
    ),
    (
        "IPTABLES6_PART",
        concat!(
            r"SRC=%{IPV6:source.address}\s+DST=%{IPV6:destination.address}\s+LEN=(?:%{INT:iptables.length:int})?\s+",
            r"TC=(?:0|0x%{BASE16NUM:iptables.tos})?\s+HOPLIMIT=(?:%{INT:iptables.ttl:int})?\s+",
            "FLOWLBL=(?:%{INT:iptables.flow_label})?"
        ),
    ),
    (
        "IPTABLES",
        concat!(
            r"IN=(?:%(in))?\s+OUT=(?:%(out))?\s+",
            r"(?:MAC=(?:%{COMMONMAC:destination.mac})?(?::%{COMMONMAC:source.mac})?(?::%(hex){2}:%(hex){2})?\s+)?",
            "(?:%{IPTABLES4_PART}|%{IPTABLES6_PART}).*?",
            r"PROTO=(?:%{WORD:network.transport})?\s+SPT=(?:%{INT:source.port:int})?\s+",
            r"DPT=(?:%{INT:destination.port:int})?\s+(?:%{IPTABLES_TCP_PART})?"
        ),
    ),
    (
        "SHOREWALL",
        concat!(
            "%{SYSLOGTIMESTAMP:timestamp} %{WORD:observer.hostname} .*Shorewall:(?:%{WORD:shorewall.firewall.type})?:",
            "(?:%{WORD:shorewall.firewall.action})?.*%{IPTABLES}"
        ),
    ),
    ("SFW2_LOG_PREFIX", "SFW2-INext-%{NOTSPACE:suse.firewall.action}"),
    (
        "SFW2",
        r"%(stamp)\s*%{HOSTNAME:observer.hostname}.*?%{SFW2_LOG_PREFIX:suse.firewall.log_prefix}\s*%{IPTABLES}",
    ),
];
