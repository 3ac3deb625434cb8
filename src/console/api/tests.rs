//! The file that ships says what the routes are, both ways.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

/// What one operation is: its scope and the verb of its document.
type Operations = BTreeMap<(String, String), (Option<String>, String)>;

fn routed() -> Operations {
    let operations = ROUTES.iter().map(|route| {
        let method = match route.method {
            Method::Get => "get",
            Method::Post => "post",
            Method::Put => "put",
        };
        let api = route.api.unwrap();
        let scope = api.scope.map(|scope| scope.name().to_owned());
        ((route.path.to_owned(), method.to_owned()), (scope, api.verb.to_owned()))
    });
    operations.collect()
}

fn described(file: &Value) -> Operations {
    let mut operations = Operations::new();
    for (path, methods) in file["paths"].as_object().unwrap() {
        for (method, operation) in
            methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters")
        {
            let security = operation["security"].as_array().unwrap_or_else(|| panic!("{method} {path}"));
            let scope = security.first().map(|one| one["token"][0].as_str().unwrap().to_owned());
            let verb = operation["x-verb"].as_str().unwrap().to_owned();
            operations.insert((path.clone(), method.clone()), (scope, verb));
        }
    }
    operations
}

fn file() -> Value {
    serde_json::from_str(DESCRIPTION).unwrap()
}

#[test]
fn every_route_is_described_and_every_description_is_a_route() {
    assert_eq!(routed(), described(&file()));
}

#[test]
fn descriptions_are_whole() {
    let file = file();
    assert_eq!(file["openapi"], "3.1.1");
    let mut names = std::collections::BTreeSet::new();
    for (path, methods) in file["paths"].as_object().unwrap() {
        let named: Vec<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let parameters = methods["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(named.len(), parameters.len(), "{path}");
        for (method, operation) in
            methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters")
        {
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
            let has_scope = !operation["security"].as_array().unwrap().is_empty();
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
            assert_eq!(answers.contains_key("401"), has_scope, "{method} {path}");
            assert_eq!(answers.contains_key("403"), has_scope, "{method} {path}");
        }
    }
}

#[test]
fn looking_needs_to_be_allowed_and_changing_more() {
    for route in ROUTES {
        let Some(scope) = route.api.unwrap().scope else {
            assert_eq!(route.path, "/api/v1/openapi.json");
            continue;
        };
        assert_eq!(route.method == Method::Get, scope == Scope::Read, "{}", route.path);
        assert!(is_api(route.path) && route.needs.is_none() && route.takes == Takes::Json, "{}", route.path);
    }
    assert!(!is_api("/") && !is_api("/apis") && is_api("/api/v2/x"));
}
