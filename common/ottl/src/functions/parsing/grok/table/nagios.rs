//! Nagios: some seventy names of one form, made from the kinds of lines and their fields.
//!
//! A line is `KIND: field;field;...`. `NAGIOS_KIND` is the line, `NAGIOS_TYPE_KIND` the text of its kind, `NAGIOS_EC_COMMAND`
//! the name of an external command and `NAGIOS_EC_LINE_COMMAND` its line.

/// Kinds of lines and their fields.
const LINES: &[(&str, &[&str])] = &[
    ("CURRENT SERVICE STATE", &[HOST, SERVICE, STATE, STATE_TYPE, ATTEMPT, MESSAGE]),
    ("CURRENT HOST STATE", &[HOST, STATE, STATE_TYPE, ATTEMPT, MESSAGE]),
    ("SERVICE NOTIFICATION", &[USER, HOST, SERVICE, STATE, NOTIFIER, MESSAGE]),
    ("HOST NOTIFICATION", &[USER, HOST, STATE, NOTIFIER, MESSAGE]),
    ("SERVICE ALERT", &[HOST, SERVICE, STATE, STATE_TYPE, ATTEMPT, MESSAGE]),
    ("HOST ALERT", &[HOST, STATE, STATE_TYPE, ATTEMPT, MESSAGE]),
    ("SERVICE FLAPPING ALERT", &[HOST, SERVICE, STATE, MESSAGE]),
    ("HOST FLAPPING ALERT", &[HOST, STATE, MESSAGE]),
    ("SERVICE DOWNTIME ALERT", &[HOST, SERVICE, STATE, COMMENT]),
    ("HOST DOWNTIME ALERT", &[HOST, STATE, COMMENT]),
    ("PASSIVE SERVICE CHECK", &[HOST, SERVICE, STATE, COMMENT]),
    ("PASSIVE HOST CHECK", &[HOST, STATE, COMMENT]),
    ("SERVICE EVENT HANDLER", &[HOST, SERVICE, STATE, STATE_TYPE, HANDLER]),
    ("HOST EVENT HANDLER", &[HOST, STATE, STATE_TYPE, HANDLER]),
    (
        "TIMEPERIOD TRANSITION",
        &[SERVICE, "%{NUMBER:nagios.log.period_from:int}", "%{NUMBER:nagios.log.period_to:int}"],
    ),
];

/// External commands and the fields of their lines; those without fields have no line.
const COMMANDS: &[(&str, &[&str])] = &[
    ("DISABLE_SVC_CHECK", &[HOST, SERVICE]),
    ("ENABLE_SVC_CHECK", &[HOST, SERVICE]),
    ("DISABLE_HOST_CHECK", &[HOST]),
    ("ENABLE_HOST_CHECK", &[HOST]),
    ("PROCESS_HOST_CHECK_RESULT", &[HOST, STATE, RESULT]),
    ("PROCESS_SERVICE_CHECK_RESULT", &[HOST, SERVICE, STATE, RESULT]),
    (
        "SCHEDULE_HOST_DOWNTIME",
        &[
            HOST,
            "%{NUMBER:nagios.log.start_time}",
            "%{NUMBER:nagios.log.end_time}",
            "%{NUMBER:nagios.log.fixed}",
            "%{NUMBER:nagios.log.trigger_id}",
            "%{NUMBER:nagios.log.duration:int}",
            USER,
            "%{DATA:nagios.log.comment}",
        ],
    ),
    ("SCHEDULE_SERVICE_DOWNTIME", &[]),
    ("DISABLE_HOST_SVC_NOTIFICATIONS", &[HOST_TO_END]),
    ("ENABLE_HOST_SVC_NOTIFICATIONS", &[HOST_TO_END]),
    ("DISABLE_HOST_NOTIFICATIONS", &[HOST_TO_END]),
    ("ENABLE_HOST_NOTIFICATIONS", &[HOST_TO_END]),
    ("DISABLE_SVC_NOTIFICATIONS", &[HOST, "%{GREEDYDATA:service.name}"]),
    ("ENABLE_SVC_NOTIFICATIONS", &[HOST, "%{GREEDYDATA:service.name}"]),
];

const EXTERNAL: &str = "EXTERNAL COMMAND";

const HOST: &str = "%{DATA:host.name}";
const HOST_TO_END: &str = "%{GREEDYDATA:host.name}";
const SERVICE: &str = "%{DATA:service.name}";
const STATE: &str = "%{DATA:service.state}";
const STATE_TYPE: &str = "%{DATA:nagios.log.state_type}";
const ATTEMPT: &str = "%{INT:nagios.log.attempt:int}";
const USER: &str = "%{DATA:user.name}";
const NOTIFIER: &str = "%{DATA:nagios.log.notification_command}";
const HANDLER: &str = "%{DATA:nagios.log.event_handler_name}";
const MESSAGE: &str = "%{GREEDYDATA:message}";
const COMMENT: &str = "%{GREEDYDATA:nagios.log.comment}";
const RESULT: &str = "%{GREEDYDATA:nagios.log.check_result}";

/// The definition of a name, if it is one of these.
pub(super) fn find(name: &str) -> Option<String> {
    let rest = name.strip_prefix("NAGIOS")?;
    match rest {
        "TIME" => return Some(r"\[%{NUMBER:timestamp}\]".to_owned()),
        "LOGLINE" => return Some(any_line()),
        "_WARNING" => return Some("Warning:%{SPACE}%{GREEDYDATA:message}".to_owned()),
        _ => {}
    }
    if let Some(command) = rest.strip_prefix("_EC_LINE_") {
        let (command, fields) = COMMANDS.iter().find(|(known, _)| *known == command)?;
        return (!fields.is_empty()).then(|| command_line(command, fields));
    }
    if let Some(command) = rest.strip_prefix("_EC_") {
        return COMMANDS
            .iter()
            .find(|(known, _)| *known == command)
            .map(|(name, _)| (*name).into());
    }
    let words = rest.strip_prefix("_TYPE_").or_else(|| rest.strip_prefix('_'))?.replace('_', " ");
    let is_type = rest.starts_with("_TYPE_");
    if is_type && words == EXTERNAL {
        return Some(words);
    }
    let (kind, fields) = LINES.iter().find(|(known, _)| *known == words)?;
    Some(if is_type { (*kind).to_owned() } else { line(kind, fields) })
}

fn line(kind: &str, fields: &[&str]) -> String {
    format!("%{{NAGIOS_TYPE_{}:nagios.log.type}}: {}", kind.replace(' ', "_"), fields.join(";"))
}

fn command_line(command: &str, fields: &[&str]) -> String {
    let command = format!("%{{NAGIOS_EC_{command}:nagios.log.command}}");
    line(EXTERNAL, &[&[command.as_str()], fields].concat())
}

/// Any of the lines, behind the time.
fn any_line() -> String {
    let lines = LINES.iter().map(|(kind, _)| format!("_{}", kind.replace(' ', "_")));
    let commands = COMMANDS.iter().filter(|(_, fields)| !fields.is_empty());
    let commands = commands.map(|(command, _)| format!("_EC_LINE_{command}"));
    let all: Vec<String> = lines.chain(commands).map(|name| format!("%{{NAGIOS{name}}}")).collect();
    format!("%{{NAGIOSTIME}} (?:%{{NAGIOS_WARNING}}|{})", all.join("|"))
}

/// All names, for the tests.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = String> {
    let kinds = LINES.iter().flat_map(|(kind, _)| {
        let kind = kind.replace(' ', "_");
        [format!("NAGIOS_{kind}"), format!("NAGIOS_TYPE_{kind}")]
    });
    let commands = COMMANDS.iter().flat_map(|(command, fields)| {
        let line = (!fields.is_empty()).then(|| format!("NAGIOS_EC_LINE_{command}"));
        line.into_iter().chain([format!("NAGIOS_EC_{command}")])
    });
    let others = ["NAGIOSTIME", "NAGIOSLOGLINE", "NAGIOS_WARNING", "NAGIOS_TYPE_EXTERNAL_COMMAND"];
    others.into_iter().map(str::to_owned).chain(kinds).chain(commands)
}
