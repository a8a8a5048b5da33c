//! Files, contracts and functions.

use std::ops::ControlFlow;

use scorpius_scan::engine::Deadline;
use tree_sitter::{Node, ParseOptions, ParseState, Parser};

use super::ast::{
    Contract, ContractKind, Expr, Function, FunctionKind, Import, Local, Span, StateVar, Stmt, Struct, Type,
    Unit, Visibility,
};
use super::{Lowering, OUT_OF_TIME, has_word, part, parts, parts_of};

/// Parses one file. What is not Solidity is in `errors`; the rest of the file is there all the same.
pub(crate) fn parse(file: u32, text: &str, deadline: &Deadline) -> Unit {
    let mut parser = Parser::new();
    let mut lowering = Lowering { text, file, depth: 0, errors: Vec::new() };
    let failed = |why: &str| Unit {
        errors: vec![(Span { file, ..Span::default() }, why.to_owned())],
        ..Unit::default()
    };
    if parser.set_language(&tree_sitter_solidity::LANGUAGE.into()).is_err() {
        return failed("the grammar does not fit the parser");
    }
    let bytes = text.as_bytes();
    let mut read = |offset: usize, _| bytes.get(offset..).unwrap_or_default();
    let mut stop =
        |_: &ParseState| if deadline.passed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let options = ParseOptions::new().progress_callback(&mut stop);
    let Some(tree) = parser.parse_with_options(&mut read, None, Some(options)) else {
        return failed(OUT_OF_TIME);
    };
    lowering.find_errors(&tree);
    let mut unit = Unit::default();
    for node in parts(tree.root_node()) {
        lowering.top(node, &mut unit);
    }
    unit.errors = lowering.errors;
    unit
}

impl Lowering<'_> {
    /// Walks with a cursor, so that no depth matters.
    fn find_errors(&mut self, tree: &tree_sitter::Tree) {
        if !tree.root_node().has_error() {
            return;
        }
        let mut cursor = tree.walk();
        loop {
            let node = cursor.node();
            if node.is_missing() {
                self.error(node, &format!("`{}` is missing", node.kind()));
            } else if node.is_error() {
                self.error(node, "not Solidity");
            }
            if node.has_error() && !node.is_error() && cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
            }
        }
    }

    fn top(&mut self, node: Node<'_>, unit: &mut Unit) {
        match node.kind() {
            "pragma_directive" => {
                if let Some(token) = part(node, "solidity_pragma_token") {
                    let text = self.text(token);
                    unit.pragma = Some(text.trim_start_matches("solidity").trim().to_owned());
                }
                unit.new_encoder |= self.text(node).contains("ABIEncoderV2");
            }
            "import_directive" => unit.imports.extend(self.import(node)),
            "contract_declaration" | "interface_declaration" | "library_declaration" => {
                unit.contracts.extend(self.contract(node));
            }
            "function_definition" => unit.functions.extend(self.function(node)),
            "struct_declaration" => unit.structs.extend(self.structure(node)),
            "constant_variable_declaration" => unit.constants.extend(self.variable(node)),
            "using_directive" => unit.using.extend(self.using(node)),
            _ => {}
        }
    }

    fn import(&mut self, node: Node<'_>) -> Option<Import> {
        let source = node.child_by_field_name("source")?;
        let path = self.text(source).trim_matches(['"', '\'']).to_owned();
        let mut names: Vec<(String, String)> = Vec::new();
        let mut cursor = node.walk();
        let braces = has_word(node, "{");
        for child in node.children_by_field_name("import_name", &mut cursor) {
            let name = self.owned(child);
            // `as alias` follows as the second sibling.
            let alias = child
                .next_sibling()
                .filter(|next| next.kind() == "as")
                .and_then(|next| next.next_sibling())
                .map_or_else(|| name.clone(), |alias| self.owned(alias));
            if braces {
                names.push((name, alias));
            }
        }
        Some(Import { path, names, span: self.span(node) })
    }

    fn contract(&mut self, node: Node<'_>) -> Option<Contract> {
        let name = node.child_by_field_name("name")?;
        let kind = match node.kind() {
            "interface_declaration" => ContractKind::Interface,
            "library_declaration" => ContractKind::Library,
            _ if has_word(node, "abstract") => ContractKind::Abstract,
            _ => ContractKind::Contract,
        };
        let bases = parts_of(node, "inheritance_specifier")
            .into_iter()
            .filter_map(|specifier| specifier.child_by_field_name("ancestor"))
            .map(|ancestor| self.path(ancestor))
            .collect();
        let bases_with_arguments = parts_of(node, "inheritance_specifier")
            .into_iter()
            .filter(|specifier| part(*specifier, "call_argument").is_some())
            .filter_map(|specifier| specifier.child_by_field_name("ancestor"))
            .map(|ancestor| self.path(ancestor))
            .collect();
        let mut contract = Contract {
            kind,
            name: self.owned(name),
            bases,
            bases_with_arguments,
            variables: Vec::new(),
            functions: Vec::new(),
            structs: Vec::new(),
            enums: Vec::new(),
            events: Vec::new(),
            using: Vec::new(),
            span: self.span(name),
        };
        for member in parts(node.child_by_field_name("body")?) {
            match member.kind() {
                "state_variable_declaration" => contract.variables.extend(self.variable(member)),
                "struct_declaration" => contract.structs.extend(self.structure(member)),
                "enum_declaration" => {
                    contract.enums.extend(member.child_by_field_name("name").map(|name| self.owned(name)));
                }
                "event_definition" | "error_declaration" => {
                    let name = member.child_by_field_name("name");
                    contract.events.extend(name.map(|name| (self.owned(name), self.span(name))));
                }
                "using_directive" => contract.using.extend(self.using(member)),
                _ => contract.functions.extend(self.function(member)),
            }
        }
        // Before 0.5 a function with the contract's name is its constructor; since then there can be none.
        for function in &mut contract.functions {
            if function.kind == FunctionKind::Function && function.name == contract.name {
                function.kind = FunctionKind::Constructor;
            }
        }
        Some(contract)
    }

    fn using(&mut self, node: Node<'_>) -> Vec<String> {
        let mut all: Vec<String> = parts_of(node, "type_alias").into_iter().map(|it| self.path(it)).collect();
        // `using {Library.function} for T`: the library is what stands before the dot.
        for alias in parts_of(node, "using_alias") {
            if let Some(path) = part(alias, "user_defined_type").map(|it| self.path(it)) {
                all.push(path.rsplit_once('.').map_or_else(String::new, |(library, _)| library.to_owned()));
            }
        }
        all.retain(|name| !name.is_empty());
        all
    }

    fn structure(&mut self, node: Node<'_>) -> Option<Struct> {
        let name = self.owned(node.child_by_field_name("name")?);
        let members = parts_of(node.child_by_field_name("body")?, "struct_member")
            .into_iter()
            .filter_map(|member| {
                let name = self.owned(member.child_by_field_name("name")?);
                Some((name, self.type_of(member.child_by_field_name("type")?)))
            })
            .collect();
        Some(Struct { name, members })
    }

    fn variable(&mut self, node: Node<'_>) -> Option<StateVar> {
        let name = node.child_by_field_name("name")?;
        let said = |word: &str| parts_of(node, "visibility").into_iter().any(|it| self.text(it) == word);
        let constant = has_word(node, "constant");
        Some(StateVar {
            name: self.owned(name),
            public: said("public"),
            private: said("private"),
            fixed: constant || part(node, "immutable").is_some(),
            constant,
            span: self.span(name),
            ty: self.type_of(node.child_by_field_name("type")?),
            value: node.child_by_field_name("value").map(|value| self.expression(value)),
        })
    }

    fn function(&mut self, node: Node<'_>) -> Option<Function> {
        let named = node.child_by_field_name("name");
        let first = node.child(0).map(|word| self.owned(word)).unwrap_or_default();
        let kind = match node.kind() {
            "function_definition" => FunctionKind::Function,
            "modifier_definition" => FunctionKind::Modifier,
            "constructor_definition" => FunctionKind::Constructor,
            "fallback_receive_definition" if first == "receive" => FunctionKind::Receive,
            "fallback_receive_definition" => FunctionKind::Fallback,
            _ => return None,
        };
        let name = match (kind, named) {
            (FunctionKind::Function | FunctionKind::Modifier, Some(name)) => self.owned(name),
            (FunctionKind::Constructor, _) => "constructor".to_owned(),
            (FunctionKind::Receive, _) => "receive".to_owned(),
            _ => "fallback".to_owned(),
        };
        let said = part(node, "visibility").map(|it| self.owned(it));
        let words: Vec<String> =
            parts_of(node, "state_mutability").into_iter().map(|it| self.owned(it)).collect();
        // `constant` of old compilers looks like a modifier.
        let mut modifiers: Vec<(String, Vec<Expr>)> = parts_of(node, "modifier_invocation")
            .into_iter()
            .map(|invocation| {
                let text = self.text(invocation);
                let name = text.split(['(', ' ', '\n']).next().unwrap_or_default().trim().to_owned();
                (name, self.arguments(invocation))
            })
            .collect();
        let constant = modifiers.iter().any(|(name, _)| name == "constant");
        modifiers.retain(|(name, _)| name != "constant" && !name.is_empty());
        let returns = part(node, "return_type_definition").map(|it| self.params(it)).unwrap_or_default();
        Some(Function {
            kind,
            name,
            params: self.params(node),
            returns,
            visibility: match said.as_deref() {
                Some("external") => Visibility::External,
                Some("internal") => Visibility::Internal,
                Some("private") => Visibility::Private,
                _ => Visibility::Public,
            },
            visibility_said: said.is_some(),
            payable: words.iter().any(|word| word == "payable") || has_word(node, "payable"),
            reads_only: constant || words.iter().any(|word| word == "view" || word == "pure"),
            modifiers,
            body: node.child_by_field_name("body").map(|body| self.statements(body)),
            span: self.span(named.unwrap_or_else(|| node.child(0).unwrap_or(node))),
        })
    }

    pub(super) fn statements(&mut self, body: Node<'_>) -> Vec<Stmt> {
        parts(body).into_iter().filter_map(|node| self.statement(node)).collect()
    }

    pub(super) fn params(&mut self, node: Node<'_>) -> Vec<Local> {
        parts_of(node, "parameter").into_iter().filter_map(|it| self.local(it)).collect()
    }

    pub(super) fn local(&mut self, node: Node<'_>) -> Option<Local> {
        let ty = self.type_of(node.child_by_field_name("type")?);
        let name = node.child_by_field_name("name");
        let location = ["storage", "memory", "calldata"].into_iter().find(|word| has_word(node, word));
        Some(Local {
            name: name.map(|name| self.owned(name)).unwrap_or_default(),
            ty,
            location: location.map(str::to_owned),
            span: self.span(name.unwrap_or(node)),
        })
    }

    /// `a.b.c` without spaces and comments.
    pub(super) fn path(&self, node: Node<'_>) -> String {
        let names: Vec<_> = parts_of(node, "identifier").into_iter().map(|it| self.owned(it)).collect();
        if names.is_empty() { self.owned(node) } else { names.join(".") }
    }

    pub(super) fn type_of(&mut self, node: Node<'_>) -> Type {
        self.deeper(node, |this| this.type_of_node(node)).unwrap_or(Type::Other)
    }

    fn type_of_node(&mut self, node: Node<'_>) -> Type {
        match node.kind() {
            "primitive_type" => {
                Type::Elementary(self.text(node).split_whitespace().collect::<Vec<_>>().join(" "))
            }
            "user_defined_type" | "identifier" => Type::User(self.path(node)),
            "type_name" => {
                if let (Some(key), Some(value)) =
                    (node.child_by_field_name("key_type"), node.child_by_field_name("value_type"))
                {
                    return Type::Mapping(Box::new(self.type_of(key)), Box::new(self.type_of(value)));
                }
                let inner = parts(node);
                match (inner.first(), has_word(node, "[")) {
                    (Some(&element), true) => {
                        let element = Box::new(self.type_of(element));
                        Type::Array(element, inner.len() > 1)
                    }
                    (Some(&only), false) if !has_word(node, "function") => self.type_of(only),
                    _ => Type::Other,
                }
            }
            _ => Type::Other,
        }
    }
}
