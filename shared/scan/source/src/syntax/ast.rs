//! What a source unit says, without its spelling. Made by `lower`, read by everything else.

/// Where something stands in a project: byte offsets, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    /// Index of the file.
    pub(crate) file: u32,
    /// First byte.
    pub(crate) start: u32,
    /// One past the last byte.
    pub(crate) end: u32,
}

/// A type as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// `uint256`, `address payable`, `var`, ...
    Elementary(String),
    /// A contract, struct, enum or user-defined value type, by its path.
    User(String),
    /// A mapping and what it leads to.
    Mapping(Box<Type>, Box<Type>),
    /// An array; `true` when its length is fixed.
    Array(Box<Type>, bool),
    /// A function type or one that was not understood.
    Other,
}

impl Type {
    /// Whether values of it have a length that varies: what `abi.encodePacked` packs without one.
    pub(crate) fn is_dynamic(&self) -> bool {
        match self {
            Self::Elementary(name) => name == "string" || name == "bytes",
            Self::Array(..) => true,
            _ => false,
        }
    }

    /// Whether it is an address, payable or not.
    pub(crate) fn is_address(&self) -> bool {
        matches!(self, Self::Elementary(name) if name.starts_with("address"))
    }

    /// Whether it is a number of any width.
    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Self::Elementary(name) if name.starts_with("uint") || name.starts_with("int"))
    }

    /// As signatures write it; user-defined types by their last name.
    pub(crate) fn canonical(&self) -> String {
        match self {
            Self::Elementary(name) => match name.as_str() {
                "uint" => "uint256".to_owned(),
                "int" => "int256".to_owned(),
                "byte" => "bytes1".to_owned(),
                name if name.starts_with("address") => "address".to_owned(),
                name => name.to_owned(),
            },
            Self::User(path) => path.rsplit('.').next().unwrap_or(path).to_owned(),
            Self::Mapping(key, value) => format!("mapping({}=>{})", key.canonical(), value.canonical()),
            Self::Array(element, _) => format!("{}[]", element.canonical()),
            Self::Other => "?".to_owned(),
        }
    }
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    Name(String),
    Number(String),
    Text(String),
    Bool(bool),
    Member(Box<Expr>, String),
    Index(Box<Expr>, Option<Box<Expr>>),
    /// `callee{options}(args)`; `.value(..)` and `.gas(..)` of old compilers are options too.
    Call {
        callee: Box<Expr>,
        options: Vec<(String, Expr)>,
        args: Vec<Expr>,
    },
    /// `uint8(x)`, `payable(x)`.
    Cast(Type, Box<Expr>),
    New(Type),
    /// A type where an expression stands, or `type(T)`.
    TypeName(Type),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Unary(Operator, Box<Expr>),
    /// `x++`, `--x`.
    Step(Operator, Box<Expr>),
    /// `=` has no operator, `+=` has `Add`.
    Assign(Option<Operator>, Box<Expr>, Box<Expr>),
    Ternary(Box<Expr>, Box<Expr>, Box<Expr>),
    Tuple(Vec<Option<Expr>>),
    Array(Vec<Expr>),
    /// An EVM instruction in assembly.
    Instruction(String, Vec<Expr>),
    /// Not understood; the parts are.
    Other(Vec<Expr>),
}

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Exp,
    Shl,
    Shr,
    BitAnd,
    BitOr,
    BitXor,
    BitNot,
    And,
    Or,
    Not,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Delete,
}

impl Operator {
    /// Of what stands in the source, binary or with `=` behind it.
    pub(crate) fn of(text: &str) -> Option<Self> {
        Some(match text {
            "+" | "+=" | "++" => Self::Add,
            "-" | "-=" | "--" => Self::Sub,
            "*" | "*=" => Self::Mul,
            "/" | "/=" => Self::Div,
            "%" | "%=" => Self::Mod,
            "**" => Self::Exp,
            "<<" | "<<=" => Self::Shl,
            ">>" | ">>=" | ">>>" => Self::Shr,
            "&" | "&=" => Self::BitAnd,
            "|" | "|=" => Self::BitOr,
            "^" | "^=" => Self::BitXor,
            "~" => Self::BitNot,
            "&&" => Self::And,
            "||" => Self::Or,
            "!" => Self::Not,
            "==" => Self::Eq,
            "!=" => Self::Ne,
            "<" => Self::Lt,
            "<=" => Self::Le,
            ">" => Self::Gt,
            ">=" => Self::Ge,
            "delete" => Self::Delete,
            _ => return None,
        })
    }

    /// Whether it compares.
    pub(crate) fn compares(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }
}

/// A statement.
#[derive(Clone, Debug)]
pub(crate) struct Stmt {
    pub(crate) kind: StmtKind,
    pub(crate) span: Span,
}

/// What a statement is.
#[derive(Clone, Debug)]
pub(crate) enum StmtKind {
    Block { unchecked: bool, body: Vec<Stmt> },
    If { condition: Expr, then: Box<Stmt>, other: Option<Box<Stmt>> },
    Loop { first: Option<Box<Stmt>>, condition: Option<Expr>, step: Option<Expr>, body: Box<Stmt> },
    Return(Option<Expr>),
    Expr(Expr),
    Declare { locals: Vec<Option<Local>>, value: Option<Expr> },
    Emit(Expr),
    Revert(Vec<Expr>),
    Try { attempt: Expr, returns: Vec<Local>, body: Box<Stmt>, catches: Vec<Stmt> },
    Assembly(Vec<Stmt>),
    Placeholder,
    Break,
    Continue,
}

/// A parameter, a returned value or a variable of a function.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    /// Empty when it has none.
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// `storage`, `memory`, `calldata`, or nothing.
    pub(crate) location: Option<String>,
    pub(crate) span: Span,
}

/// A variable of a contract.
#[derive(Clone, Debug)]
pub(crate) struct StateVar {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) public: bool,
    pub(crate) private: bool,
    /// `constant` or `immutable`.
    pub(crate) fixed: bool,
    pub(crate) constant: bool,
    pub(crate) value: Option<Expr>,
    pub(crate) span: Span,
}

/// What a function is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FunctionKind {
    Function,
    Constructor,
    Fallback,
    Receive,
    Modifier,
}

/// Who may call a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    External,
    Public,
    Internal,
    Private,
}

/// A function, constructor, fallback or modifier.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) kind: FunctionKind,
    pub(crate) name: String,
    pub(crate) params: Vec<Local>,
    pub(crate) returns: Vec<Local>,
    pub(crate) visibility: Visibility,
    /// Whether the visibility is written down.
    pub(crate) visibility_said: bool,
    pub(crate) payable: bool,
    /// `view`, `pure` or `constant`.
    pub(crate) reads_only: bool,
    pub(crate) modifiers: Vec<(String, Vec<Expr>)>,
    pub(crate) body: Option<Vec<Stmt>>,
    /// Of the name, or of the keyword where there is none.
    pub(crate) span: Span,
}

impl Function {
    /// Whether transactions may start here.
    pub(crate) fn is_entry(&self) -> bool {
        match self.kind {
            FunctionKind::Modifier | FunctionKind::Constructor => false,
            FunctionKind::Fallback | FunctionKind::Receive => true,
            FunctionKind::Function => matches!(self.visibility, Visibility::External | Visibility::Public),
        }
    }

    /// `name(type,type)`.
    pub(crate) fn signature(&self) -> String {
        let types: Vec<_> = self.params.iter().map(|param| param.ty.canonical()).collect();
        format!("{}({})", self.name, types.join(","))
    }
}

/// What a contract is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContractKind {
    Contract,
    Abstract,
    Interface,
    Library,
}

/// A struct.
#[derive(Clone, Debug)]
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) members: Vec<(String, Type)>,
}

/// A contract, interface or library.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    pub(crate) kind: ContractKind,
    pub(crate) name: String,
    /// Direct bases, in the order of the source.
    pub(crate) bases: Vec<String>,
    /// Those that get arguments where they are named.
    pub(crate) bases_with_arguments: Vec<String>,
    pub(crate) variables: Vec<StateVar>,
    pub(crate) functions: Vec<Function>,
    pub(crate) structs: Vec<Struct>,
    pub(crate) enums: Vec<String>,
    /// Events and errors.
    pub(crate) events: Vec<(String, Span)>,
    /// Libraries whose functions are attached to types.
    pub(crate) using: Vec<String>,
    pub(crate) span: Span,
}

/// One import.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) path: String,
    /// `import {name as alias}`; empty when everything is imported.
    pub(crate) names: Vec<(String, String)>,
    pub(crate) span: Span,
}

/// One file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    /// The version constraint as written.
    pub(crate) pragma: Option<String>,
    /// `pragma experimental ABIEncoderV2`
    pub(crate) new_encoder: bool,
    pub(crate) imports: Vec<Import>,
    pub(crate) contracts: Vec<Contract>,
    pub(crate) functions: Vec<Function>,
    pub(crate) structs: Vec<Struct>,
    pub(crate) constants: Vec<StateVar>,
    pub(crate) using: Vec<String>,
    /// What is not Solidity, at most 50.
    pub(crate) errors: Vec<(Span, String)>,
}
