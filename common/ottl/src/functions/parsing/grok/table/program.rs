//! What programs write: Java and its servers, Ruby, Rails, MCollective, Maven, databases, mail, names.

use super::Pattern;

pub(super) const PATTERNS: &[Pattern] = &[
    // Java.
    ("JAVACLASS", r"(?:[a-zA-Z$_][a-zA-Z$_0-9]*\.)*[a-zA-Z$_][a-zA-Z$_0-9]*"),
    ("JAVAFILE", "[a-zA-Z$_0-9. -]+"),
    ("JAVAMETHOD", "<(?:cl)?init>|[a-zA-Z$_][a-zA-Z$_0-9]*"),
    (
        "JAVASTACKTRACEPART",
        concat!(
            r"%{SPACE}at %{JAVACLASS:java.log.origin.class.name}\.%{JAVAMETHOD:log.origin.function}",
            r"\(%{JAVAFILE:log.origin.file.name}(?::%{INT:log.origin.file.line:int})?\)"
        ),
    ),
    ("JAVATHREAD", r"[A-Z]{2}-Processor\d+"),
    ("JAVALOGMESSAGE", ".*"),
    ("CATALINA7_DATESTAMP", "%{MONTH} %{MONTHDAY}, %{YEAR} %{HOUR}:%{MINUTE}:%{SECOND} (?:AM|PM)"),
    (
        "CATALINA7_LOG",
        concat!(
            "%{CATALINA7_DATESTAMP:timestamp} %{JAVACLASS:java.log.origin.class.name}",
            r"(?: %{JAVAMETHOD:log.origin.function})?\s*(?:%{LOGLEVEL:log.level}:)? %{JAVALOGMESSAGE:message}"
        ),
    ),
    ("CATALINA8_DATESTAMP", "%{MONTHDAY}-%{MONTH}-%{YEAR} %{HOUR}:%{MINUTE}:%{SECOND}"),
    (
        "CATALINA8_LOG",
        concat!(
            r"%{CATALINA8_DATESTAMP:timestamp} %{LOGLEVEL:log.level} \[%{DATA:java.log.origin.thread.name}\] ",
            r"%{JAVACLASS:java.log.origin.class.name}\.(?:%{JAVAMETHOD:log.origin.function})? %{JAVALOGMESSAGE:message}"
        ),
    ),
    ("CATALINA_DATESTAMP", "%{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP}"),
    ("CATALINALOG", "%{CATALINA8_LOG}|%{CATALINA7_LOG}"),
    ("TOMCAT7_LOG", "%{CATALINA7_LOG}"),
    ("TOMCAT8_LOG", "%{CATALINA8_LOG}"),
    (
        "TOMCATLEGACY_DATESTAMP",
        "%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:%{MINUTE}:%{SECOND}(?: %{ISO8601_TIMEZONE})?",
    ),
    (
        "TOMCATLEGACY_LOG",
        concat!(
            r"%{TOMCATLEGACY_DATESTAMP:timestamp} \| %{LOGLEVEL:log.level} \| ",
            "%{JAVACLASS:java.log.origin.class.name} - %{JAVALOGMESSAGE:message}"
        ),
    ),
    ("TOMCAT_DATESTAMP", "%{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP}|%{TOMCATLEGACY_DATESTAMP}"),
    ("TOMCATLOG", "%{TOMCAT8_LOG}|%{TOMCAT7_LOG}|%{TOMCATLEGACY_LOG}"),
    ("MAVEN_VERSION", r"(?:\d+\.)?(?:\d+\.)?(?:\*|\d+)(?:[.-](?:RELEASE|SNAPSHOT))?"),
    // Ruby.
    ("RUBY_LOGLEVEL", "DEBUG|FATAL|ERROR|WARN|INFO"),
    (
        "RUBY_LOGGER",
        concat!(
            r"[DFEWI], \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:process.pid:int}\] *%{RUBY_LOGLEVEL:log.level}",
            " -- +%{DATA:process.name}: %{GREEDYDATA:message}"
        ),
    ),
    ("RUUID", r"\S{32}"),
    ("RCONTROLLER", r"(?P<rails___controller___class>[^#]+)#(?P<rails___controller___action>\w+)"),
    (
        "RAILS3HEAD",
        concat!(
            r#"(?m)Started %{WORD:http.request.method} "%{URIPATHPARAM:url.original}" for %{IPORHOST:source.address}"#,
            " at (?P<timestamp>%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:%{MINUTE}:%{SECOND} %{ISO8601_TIMEZONE})"
        ),
    ),
    (
        "RPROCESSING",
        concat!(
            r"\W*Processing by %{RCONTROLLER} as (?P<rails___request___format>\S+)",
            r"(?:\W*Parameters: \{%{DATA:rails.request.params}\}\W*)?"
        ),
    ),
    (
        "RAILS3PROFILE",
        concat!(
            r"(?:\(Views: %{NUMBER:rails.request.duration.view:float}ms \| ",
            "ActiveRecord: %{NUMBER:rails.request.duration.active_record:float}ms",
            r"|\(ActiveRecord: %{NUMBER:rails.request.duration.active_record:float}ms)?"
        ),
    ),
    (
        "RAILS3FOOT",
        concat!(
            "Completed %{POSINT:http.response.status_code:int}%{DATA} in ",
            "%{NUMBER:rails.request.duration.total:float}ms %{RAILS3PROFILE}%{GREEDYDATA}"
        ),
    ),
    (
        "RAILS3",
        r"%{RAILS3HEAD}(?:%{RPROCESSING})?(?P<rails___request___explain___original>(?:%{DATA}\n)*)(?:%{RAILS3FOOT})?",
    ),
    (
        "MCOLLECTIVE",
        r"., \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:process.pid:int}\]%{SPACE}%{LOGLEVEL:log.level}",
    ),
    ("MCOLLECTIVEAUDIT", "%{TIMESTAMP_ISO8601:timestamp}:"),
    // Databases.
    (
        "POSTGRESQL",
        concat!(
            "%{DATESTAMP:timestamp} %{TZ:event.timezone} %{DATA:user.name} ",
            "%{GREEDYDATA:postgresql.log.connection_id} %{POSINT:process.pid:int}"
        ),
    ),
    ("REDISTIMESTAMP", "%{MONTHDAY} %{MONTH} %{TIME}"),
    ("REDISLOG", r"\[%{POSINT:process.pid:int}\] %{REDISTIMESTAMP:timestamp} \*"),
    (
        "REDISMONLOG",
        concat!(
            r"%{NUMBER:timestamp} \[%{INT:redis.database.id} %{IP:client.address}:%{POSINT:client.port:int}\] ",
            r#""%{WORD:redis.command.name}"\s?%{GREEDYDATA:redis.command.args}"#
        ),
    ),
    (
        "MONGO_LOG",
        r"%{SYSLOGTIMESTAMP:timestamp} \[%{WORD:mongodb.component}\] %{GREEDYDATA:message}",
    ),
    ("MONGO_QUERY_CONTENT", ".*?"),
    ("MONGO_QUERY", r"\{ %{MONGO_QUERY_CONTENT:MONGO_QUERY} \} ntoreturn:"),
    ("MONGO_WORDDASH", r"\b[\w-]+\b"),
    (
        "MONGO_SLOWQUERY",
        concat!(
            r"%{WORD:mongodb.profile.op} %{MONGO_WORDDASH:mongodb.database}\.%{MONGO_WORDDASH:mongodb.collection} ",
            r"%{WORD}: \{ %{MONGO_QUERY_CONTENT:mongodb.query.original} \} ",
            "ntoreturn:%{NONNEGINT:mongodb.profile.ntoreturn:int} ntoskip:%{NONNEGINT:mongodb.profile.ntoskip:int} ",
            "nscanned:%{NONNEGINT:mongodb.profile.nscanned:int}.*? ",
            "nreturned:%{NONNEGINT:mongodb.profile.nreturned:int}.*? %{INT:mongodb.profile.duration:int}ms"
        ),
    ),
    ("MONGO3_SEVERITY", r"\w"),
    ("MONGO3_COMPONENT", "%{WORD}"),
    (
        "MONGO3_LOG",
        concat!(
            "%{TIMESTAMP_ISO8601:timestamp} %{MONGO3_SEVERITY:log.level} %{-MONGO3_COMPONENT:mongodb.component}",
            r"%{SPACE}(?:\[%{DATA:mongodb.context}\])? %{GREEDYDATA:message}"
        ),
    ),
    // Mail.
    ("EXIM_MSGID", "[0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}"),
    ("EXIM_FLAGS", r"<=|=>|->|\*>|\*\*|==|<>|>>"),
    ("EXIM_DATE", "%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{TIME}"),
    ("EXIM_PID", r"\[%{POSINT:process.pid:int}\]"),
    ("EXIM_QT", r"(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?"),
    (
        "EXIM_EXCLUDE_TERMS",
        concat!(
            "Message is frozen|(?:Start|End) queue run| Warning: | retry time not reached ",
            "| no (?:IP address|host name) found for (?:IP address|host) ",
            "| unexpected disconnection while reading SMTP command | no immediate delivery: ",
            "|another process is handling this message"
        ),
    ),
    (
        "EXIM_REMOTE_HOST",
        concat!(
            r"H=(?:\(%{NOTSPACE:source.host.name}\) )?(?:\(%{NOTSPACE:exim.log.remote_address}\) )?",
            r"\[%{IP:source.address}\](?::%{POSINT:source.port:int})?"
        ),
    ),
    ("EXIM_INTERFACE", r"I=\[%{IP:destination.address}\]:%{NUMBER:destination.port:int}"),
    ("EXIM_PROTOCOL", "P=%{NOTSPACE:network.protocol.name}"),
    ("EXIM_MSG_SIZE", "S=%{NUMBER:exim.log.message.body.size:int}"),
    ("EXIM_HEADER_ID", "id=%{NOTSPACE:exim.log.header_id}"),
    ("EXIM_QUOTED_CONTENT", r#"(?:\\.|[^\\"])*"#),
    ("EXIM_SUBJECT", r#"T="%{EXIM_QUOTED_CONTENT:exim.log.message.subject}""#),
    ("EXIM_UNKNOWN_FIELD", "[A-Za-z0-9]{1,4}=(?:%{QUOTEDSTRING}|%{NOTSPACE})"),
    (
        "EXIM_NAMED_FIELDS",
        concat!(
            "(?: (?:%{EXIM_REMOTE_HOST}|%{EXIM_INTERFACE}|%{EXIM_PROTOCOL}|%{EXIM_MSG_SIZE}|%{EXIM_HEADER_ID}",
            "|%{EXIM_SUBJECT}|%{EXIM_UNKNOWN_FIELD}))*"
        ),
    ),
    (
        "EXIM_MESSAGE_ARRIVAL",
        concat!(
            "%{EXIM_DATE:timestamp} (?:%{EXIM_PID} )?%{EXIM_MSGID:exim.log.message.id} ",
            "(?P<exim___log___flags><=) (?:(?P<exim___log___status>[a-z:]) )?%{EMAILADDRESS:exim.log.sender.email}",
            "%{EXIM_NAMED_FIELDS}(?:(?: from <?%{DATA:exim.log.sender.original}>?)?",
            " for %{EMAILADDRESS:exim.log.recipient.email})?"
        ),
    ),
    ("EXIM", "%{EXIM_MESSAGE_ARRIVAL}"),
    // Names.
    ("BIND9_TIMESTAMP", "%{MONTHDAY}-%{MONTH}-%{YEAR} %{TIME}"),
    (
        "BIND9_DNSTYPE",
        concat!(
            "A|AAAA|CAA|CDNSKEY|CDS|CERT|CNAME|CSYNC|DLV|DNAME|DNSKEY|DS|HINFO|LOC|MX|NAPTR|NS|NSEC|NSEC3",
            "|OPENPGPKEY|PTR|RRSIG|RP|SIG|SMIMEA|SOA|SRV|TSIG|TXT|URI|IN"
        ),
    ),
    ("BIND9_CATEGORY", "queries"),
    ("BIND9_QUESTION_CLASS", "IN"),
    (
        "BIND9_QUERYLOGBASE",
        concat!(
            r"client(?: @0x%(hex)+)? %{IP:client.address}#%{POSINT:client.port:int} ",
            r"\(%{GREEDYDATA:bind.log.question.name}\): query: %{GREEDYDATA:dns.question.name} ",
            "(?P<dns___question___class>IN) %{BIND9_DNSTYPE:dns.question.type}",
            r"(?: %{DATA:bind.log.question.flags})? \(%{IP:server.address}\)"
        ),
    ),
    // The reference writes the category's field so.
    (
        "BIND9_QUERYLOG",
        "%{BIND9_TIMESTAMP:timestamp} %{BIND9_CATEGORY:bing.log.category}: %{LOGLEVEL:log.level}: %{BIND9_QUERYLOGBASE}",
    ),
    ("BIND9", "%{BIND9_QUERYLOG}"),
];
