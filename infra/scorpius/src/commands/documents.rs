//! `scorpius openapi`, `scorpius asyncapi`, `scorpius policy-schema` and `scorpius template`.

use super::{Done, Verdict};
use crate::doors;
use crate::template;
use crate::terminal::Terminal;

pub(crate) fn openapi() -> Done {
    Terminal::default().text(&doors::openapi());
    Ok(Verdict::Fine)
}

pub(crate) fn asyncapi() -> Done {
    Terminal::default().text(&doors::asyncapi());
    Ok(Verdict::Fine)
}

pub(crate) fn policy_schema() -> Done {
    Terminal::default().text(&doors::policy_schema());
    Ok(Verdict::Fine)
}

pub(crate) fn template() -> Done {
    let template = template::template(&doors::manifest());
    Terminal::default().text(&(serde_json::to_string_pretty(&template)? + "\n"));
    Ok(Verdict::Fine)
}
