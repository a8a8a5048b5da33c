//! API Gateway's part: routes, limits, cross-origin rules, and its own answers.

use std::collections::{BTreeMap, HashMap};

use scorpius_core::{Clock, new_id};
use scorpius_edge::gateway::{HttpContext, RequestContext};
use scorpius_edge::manifest::Manifest;
use scorpius_edge::{HttpAnswer, HttpEvent};

/// Bytes of a body that the gateway reads; doors take 4 MB.
pub const BODY_BYTES_MAX: usize = 10_000_000;

/// One request as it came over the wire.
#[derive(Clone, Debug, Default)]
pub struct WireRequest {
    /// `POST`.
    pub method: String,
    /// Path without query, percent-encoding kept.
    pub path: String,
    /// Query without `?`; empty when there is none.
    pub query: String,
    /// As sent; names in any case.
    pub headers: Vec<(String, String)>,
    /// As sent.
    pub body: Vec<u8>,
    /// The caller's address.
    pub source_ip: String,
}

/// The routes of the manifest, ready to be matched.
pub struct Routes {
    by_method: HashMap<String, Vec<Route>>,
}

struct Route {
    key: String,
    function: String,
    segments: Vec<Segment>,
}

enum Segment {
    Fixed(String),
    Open(String),
    /// All that is left, one segment or more: `{path+}`.
    Rest(String),
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'r> {
    /// The function in the manifest.
    pub function: &'r str,
    /// `POST /v1/risk/address`.
    pub route_key: &'r str,
    /// What the route leaves open, percent-decoded.
    pub parameters: BTreeMap<String, String>,
}

impl Routes {
    /// The routes of `manifest`.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let mut by_method: HashMap<String, Vec<Route>> = HashMap::new();
        for (function, route, _) in manifest.routes() {
            let (method, path) = route.split_once(' ').unwrap_or(("", route));
            by_method.entry(method.to_owned()).or_default().push(Route {
                key: route.to_owned(),
                function: function.to_owned(),
                segments: segments(path).map(segment).collect(),
            });
        }
        for routes in by_method.values_mut() {
            // A fixed segment wins over an open one, and that over all the rest, as in API Gateway.
            routes.sort_by_key(|route| route.segments.iter().map(Segment::rank).collect::<Vec<_>>());
        }
        Self { by_method }
    }

    /// The route for `method` and `path`.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<Match<'_>> {
        let asked: Vec<_> = segments(path).collect();
        self.by_method.get(method)?.iter().find_map(|route| {
            let parameters = route.parameters(&asked)?;
            Some(Match { function: &route.function, route_key: &route.key, parameters })
        })
    }
}

impl Route {
    fn parameters(&self, asked: &[&str]) -> Option<BTreeMap<String, String>> {
        let greedy = matches!(self.segments.last(), Some(Segment::Rest(_)));
        if asked.len() < self.segments.len() || (asked.len() > self.segments.len() && !greedy) {
            return None;
        }
        let mut parameters = BTreeMap::new();
        for (at, (segment, text)) in self.segments.iter().zip(asked).enumerate() {
            match segment {
                Segment::Rest(name) => {
                    let rest = asked.get(at..).unwrap_or_default().join("/");
                    parameters.insert(name.clone(), percent_decoded(&rest));
                }
                Segment::Fixed(fixed) if fixed == text => {}
                Segment::Open(name) if !text.is_empty() => {
                    parameters.insert(name.clone(), percent_decoded(text));
                }
                Segment::Fixed(_) | Segment::Open(_) => return None,
            }
        }
        Some(parameters)
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn segment(text: &str) -> Segment {
    match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Rest(name.to_owned()),
            None => Segment::Open(name.to_owned()),
        },
        None => Segment::Fixed(text.to_owned()),
    }
}

impl Segment {
    fn rank(&self) -> u8 {
        match self {
            Self::Fixed(_) => 0,
            Self::Open(_) => 1,
            Self::Rest(_) => 2,
        }
    }
}

/// What is not UTF-8 after decoding becomes U+FFFD, which no id contains.
fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The event that API Gateway makes of `request` (payload format 2.0).
#[must_use]
pub fn event(request: WireRequest, found: Match<'_>, clock: &dyn Clock) -> HttpEvent {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    let mut cookies = Vec::new();
    for (name, value) in request.headers {
        let name = name.to_ascii_lowercase();
        if name == "cookie" {
            cookies.extend(value.split("; ").map(str::to_owned));
            continue;
        }
        headers.entry(name).and_modify(|all| *all = format!("{all},{value}")).or_insert(value);
    }
    let mut query: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(request.query.as_bytes()) {
        query
            .entry(name.into_owned())
            .and_modify(|all| *all = format!("{all},{value}"))
            .or_insert_with(|| value.into_owned());
    }
    let user_agent = headers.get("user-agent").cloned().unwrap_or_default();
    let mut event = HttpEvent {
        version: "2.0".to_owned(),
        route_key: found.route_key.to_owned(),
        raw_path: request.path.clone(),
        raw_query_string: request.query,
        cookies,
        headers,
        query_string_parameters: (!query.is_empty()).then_some(query),
        path_parameters: (!found.parameters.is_empty()).then_some(found.parameters),
        request_context: RequestContext {
            request_id: new_id("gw", clock),
            stage: "$default".to_owned(),
            time_epoch: clock.now().0,
            http: HttpContext {
                method: request.method,
                path: request.path,
                protocol: "HTTP/1.1".to_owned(),
                source_ip: request.source_ip,
                user_agent,
            },
            authorizer: None,
        },
        body: None,
        is_base64_encoded: false,
    };
    event.set_body(&request.body);
    event
}

/// An answer of the gateway itself, in API Gateway's words.
#[must_use]
pub fn own_answer(status: u16) -> HttpAnswer {
    let message = match status {
        404 => "Not Found",
        413 => "Request Too Long",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        504 => "Endpoint request timed out",
        _ => "Internal Server Error",
    };
    HttpAnswer {
        status_code: status,
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        cookies: Vec::new(),
        body: format!(r#"{{"message":"{message}"}}"#),
        is_base64_encoded: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(list: &[&str]) -> Routes {
        let routes: BTreeMap<_, _> =
            list.iter().map(|route| (route.to_string(), "public".to_owned())).collect();
        let manifest = serde_json::json!({
            "functions": {"f": {"purpose": "p", "trigger": {"http": routes}, "memory_mb": 128, "timeout_s": 3}},
            "queues": {},
        });
        Routes::of(&Manifest::parse(&manifest.to_string()).expect("a manifest"))
    }

    #[test]
    fn a_fixed_segment_wins_over_an_open_one() {
        let routes = routes(&["GET /v1/{a}/x", "GET /v1/b/x", "GET /v1/b/{c}", "POST /v1/b/x"]);
        let found = |path| routes.find("GET", path).map(|found| found.route_key.to_owned());
        assert_eq!(found("/v1/b/x").as_deref(), Some("GET /v1/b/x"));
        assert_eq!(found("/v1/b/y").as_deref(), Some("GET /v1/b/{c}"));
        assert_eq!(found("/v1/z/x").as_deref(), Some("GET /v1/{a}/x"));
        assert_eq!(found("/v1/z/y"), None);
        assert_eq!(found("/v1/b/"), None);
        assert_eq!(found("/v1/b/x/"), None);
        assert!(routes.find("PUT", "/v1/b/x").is_none());
    }

    #[test]
    fn a_greedy_segment_takes_all_the_rest() {
        let routes = routes(&["GET /log/tile/{path+}", "GET /log/tile/a", "GET /log/{b}/c"]);
        let found = |path| {
            routes
                .find("GET", path)
                .map(|found| (found.route_key.to_owned(), found.parameters.get("path").cloned()))
        };
        let greedy = |rest: &str| Some(("GET /log/tile/{path+}".to_owned(), Some(rest.to_owned())));
        assert_eq!(found("/log/tile/0/x001/067.p/5"), greedy("0/x001/067.p/5"));
        assert_eq!(found("/log/tile/b"), greedy("b"));
        assert_eq!(found("/log/tile/a"), Some(("GET /log/tile/a".to_owned(), None)));
        assert_eq!(found("/log/tile"), None);
    }

    #[test]
    fn open_segments_are_decoded_once() {
        let routes = routes(&["GET /v1/{a}"]);
        let found = routes.find("GET", "/v1/a%2Fb%2520%ff").expect("a route");
        assert_eq!(found.parameters["a"], "a/b%20\u{fffd}");
    }
}
