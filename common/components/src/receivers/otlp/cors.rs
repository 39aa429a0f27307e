//! CORS: what a browser is told of pages that send from other origins (the Fetch standard, CORS protocol).
//!
//! A preflight request is answered with 204 whatever it asks for; what it may do stands in the headers. Answers
//! are those of the Collector, to which browsers have been tuned: the origin and the headers asked for are
//! repeated, credentials are allowed, and methods are GET, POST and HEAD.

use transport::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::config::otlp_receiver::Cors as Settings;

/// Methods that a page may use.
const METHODS: [&[u8]; 4] = [b"GET", b"POST", b"HEAD", b"OPTIONS"];
/// Elements of a list that may be empty (RFC 9110, 5.6.1.2: a reasonable number).
const EMPTY_MAX: usize = 16;
/// What caches are to tell answers apart by.
const VARY_ACTUAL: &str = "Origin";
const VARY_PREFLIGHT: &str =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// The rules of one server.
pub(super) struct Cors {
    origins: Vec<Pattern>,
    any_origin: bool,
    /// Sorted; none is any.
    headers: Option<Vec<String>>,
    exposed: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
}

/// An origin, around its first `*` if there is one.
struct Pattern {
    before: String,
    after: Option<String>,
}

/// What the answer to one request says.
pub(super) struct Crossing {
    /// The request only asks.
    pub(super) is_preflight: bool,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Cors {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut headers = settings.allowed_headers.clone();
        headers.sort_unstable();
        let value =
            |text: String| HeaderValue::try_from(text).expect("names and numbers are values");
        Self {
            origins: settings.allowed_origins.iter().map(|origin| Pattern::of(origin)).collect(),
            any_origin: settings.allowed_origins.iter().any(|origin| origin == "*"),
            headers: (!headers.iter().any(|name| name == "*")).then_some(headers),
            exposed: (!settings.exposed_headers.is_empty())
                .then(|| value(settings.exposed_headers.join(", "))),
            max_age: (settings.max_age != 0).then(|| value(settings.max_age.max(0).to_string())),
        }
    }

    /// What is to be said to a request.
    pub(super) fn judge<B>(&self, request: &Request<B>) -> Crossing {
        let asked = request.headers();
        let wanted = asked.get("access-control-request-method").filter(|method| !method.is_empty());
        let preflight = wanted.filter(|_| request.method() == Method::OPTIONS);
        let mut said = vec![("vary", HeaderValue::from_static(VARY_ACTUAL))];
        if preflight.is_some() {
            said = vec![("vary", HeaderValue::from_static(VARY_PREFLIGHT))];
        }
        if let Some(origin) = self.allowed_origin(asked) {
            match preflight {
                Some(method) => self.permit(method, origin, asked, &mut said),
                None if is_method(request.method().as_str().as_bytes()) => {
                    said.push(("access-control-allow-origin", origin));
                    let exposed = self.exposed.clone();
                    said.extend(exposed.map(|names| ("access-control-expose-headers", names)));
                    said.push((
                        "access-control-allow-credentials",
                        HeaderValue::from_static("true"),
                    ));
                }
                None => {}
            }
        }
        let named = |(name, value)| (HeaderName::from_static(name), value);
        Crossing {
            is_preflight: preflight.is_some(),
            headers: said.into_iter().map(named).collect(),
        }
    }

    /// Says what a page may do, if it may do what it asks for.
    fn permit(
        &self,
        method: &HeaderValue,
        origin: HeaderValue,
        asked: &HeaderMap,
        said: &mut Vec<(&'static str, HeaderValue)>,
    ) {
        if !is_method(method.as_bytes()) || !self.allows_headers(asked) {
            return;
        }
        said.push(("access-control-allow-origin", origin));
        said.push(("access-control-allow-methods", method.clone()));
        let wanted = asked.get_all("access-control-request-headers").iter();
        let wanted = wanted.filter(|names| !names.is_empty());
        said.extend(wanted.map(|names| ("access-control-allow-headers", names.clone())));
        said.push(("access-control-allow-credentials", HeaderValue::from_static("true")));
        said.extend(self.max_age.clone().map(|age| ("access-control-max-age", age)));
    }

    /// The origin as the answer repeats it, if it is allowed.
    fn allowed_origin(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        let origin = asked.get("origin").filter(|origin| !origin.is_empty())?;
        if self.any_origin {
            return Some(HeaderValue::from_static("*"));
        }
        let lower = origin.as_bytes().to_ascii_lowercase();
        self.origins.iter().any(|pattern| pattern.fits(&lower)).then(|| origin.clone())
    }

    /// Fetch: the names asked for are in lower case, sorted, each once. Whatever is not is no browser's.
    fn allows_headers(&self, asked: &HeaderMap) -> bool {
        let Some(allowed) = &self.headers else { return true };
        let lists = asked.get_all("access-control-request-headers").iter();
        let items = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
        let (mut before, mut empty): (&[u8], usize) = (b"", 0);
        for name in items.map(without_space) {
            if name.is_empty() {
                empty += 1;
                if empty > EMPTY_MAX {
                    return false;
                }
                continue;
            }
            let is_allowed = allowed.binary_search_by(|known| known.as_bytes().cmp(name)).is_ok();
            if !is_allowed || name <= before {
                return false;
            }
            before = name;
        }
        true
    }
}

/// A list's element without a space on either side.
fn without_space(item: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let item =
        item.split_first().filter(|(first, _)| is_space(first)).map_or(item, |(_, rest)| rest);
    item.split_last().filter(|(last, _)| is_space(last)).map_or(item, |(_, rest)| rest)
}

fn is_method(method: &[u8]) -> bool {
    METHODS.contains(&method)
}

impl Pattern {
    fn of(origin: &str) -> Self {
        match origin.split_once('*') {
            Some((before, after)) => Self { before: before.into(), after: Some(after.into()) },
            None => Self { before: origin.into(), after: None },
        }
    }

    fn fits(&self, origin: &[u8]) -> bool {
        let Some(rest) = origin.strip_prefix(self.before.as_bytes()) else { return false };
        match &self.after {
            Some(after) => rest.ends_with(after.as_bytes()),
            None => rest.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests;
