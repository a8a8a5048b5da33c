//! `scorpius openapi` and `scorpius asyncapi`.

use super::{Done, Verdict};
use crate::doors;
use crate::terminal::Terminal;

pub(crate) fn openapi() -> Done {
    Terminal::default().text(&doors::openapi());
    Ok(Verdict::Fine)
}

pub(crate) fn asyncapi() -> Done {
    Terminal::default().text(&doors::asyncapi());
    Ok(Verdict::Fine)
}
