//! What Terraform has applied, or would apply, as the rules read it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One resource.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// `module.api.aws_apigatewayv2_api.this`.
    pub(crate) address: String,
    /// `aws_apigatewayv2_api`.
    pub(crate) kind: String,
    pub(crate) values: Value,
}

impl Resource {
    /// An attribute's text; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.values[name].as_str().unwrap_or_default()
    }

    /// The member of a block that stands at most once; null where there is none.
    pub(super) fn within(&self, block: &str, name: &str) -> &Value {
        &self.values[block][0][name]
    }

    /// The document in an attribute; null where there is none.
    pub(super) fn document(&self, name: &str) -> Value {
        match self.text(name) {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", self.address)),
        }
    }
}

/// Everything that was applied, or is planned.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) resources: Vec<Resource>,
}

impl State {
    /// Reads `terraform show -json` of a state, or of a plan that makes everything.
    pub(crate) fn of(shown: &Value) -> Self {
        let mut resources = Vec::new();
        let values =
            if shown["planned_values"].is_object() { &shown["planned_values"] } else { &shown["values"] };
        let mut modules = vec![&values["root_module"]];
        while let Some(module) = modules.pop() {
            modules.extend(list(&module["child_modules"]));
            for it in list(&module["resources"]).iter().filter(|it| it["mode"] == "managed") {
                let text = |name: &str| it[name].as_str().expect("a resource has an address and a type");
                resources.push(Resource {
                    address: text("address").to_owned(),
                    kind: text("type").to_owned(),
                    values: it["values"].clone(),
                });
            }
        }
        assert!(!resources.is_empty(), "nothing was made");
        Self { resources }
    }

    /// The resources of one type.
    pub(crate) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |it| it.kind == kind)
    }

    /// The resource of one type whose attribute says so.
    pub(crate) fn find(&self, kind: &str, name: &str, value: &str) -> Option<&Resource> {
        self.resources.iter().find(|it| it.kind == kind && it.text(name) == value)
    }

    /// The function that is named by name, ARN, or an alias's ARN.
    pub(super) fn function(&self, named: &str) -> Option<&Resource> {
        let name = named.split(':').nth(6).unwrap_or(named);
        self.find("aws_lambda_function", "function_name", name)
    }
}

/// One permission of a role: what may be done, to what.
pub(crate) type Permission = (String, String);

/// What each function's role allows: pairs of action and resource, by the function's name.
pub(crate) fn planned_permissions(state: &State) -> BTreeMap<String, BTreeSet<Permission>> {
    let functions = state.all("aws_lambda_function").map(|function| {
        let role = state.find("aws_iam_role", "arn", function.text("role"));
        let role = role.unwrap_or_else(|| panic!("{}: its role is not in the state", function.address));
        (function.text("function_name").to_owned(), permissions(state, role))
    });
    functions.collect()
}

/// What a role allows.
pub(super) fn permissions(state: &State, role: &Resource) -> BTreeSet<Permission> {
    let policies = state.all("aws_iam_role_policy").filter(|policy| {
        let of = policy.text("role");
        of == role.text("name") || of == role.text("id")
    });
    let statements = policies.flat_map(|policy| statements(&policy.document("policy")));
    statements
        .filter(|statement| statement["Effect"] == "Allow")
        .flat_map(|statement| {
            let resources = texts(&statement["Resource"]);
            let of = move |action: String| resources.clone().into_iter().map(move |it| (action.clone(), it));
            texts(&statement["Action"]).into_iter().flat_map(of).collect::<Vec<_>>()
        })
        .collect()
}

/// The statements of a policy.
pub(super) fn statements(policy: &Value) -> Vec<Value> {
    match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

/// Whether the statement allows the action on the resource, each as it is written.
pub(super) fn allows(statement: &Value, action: &str, resource: &str) -> bool {
    statement["Effect"] == "Allow"
        && texts(&statement["Action"]).iter().any(|it| it == action)
        && texts(&statement["Resource"]).iter().any(|it| it == resource)
}

/// One text, or a list of them.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// A list's items; none where there is no list.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
