//! Why alerts were closed, as labels of the verdicts that raised them: what the next training reads, and nothing else.

use scorpius_core::{StoreError, TenantId};
use scorpius_risk::api::Outcome;
use scorpius_risk::events::Label;
use scorpius_risk::verdicts::{KeepError, Kept, Verdicts};

use crate::alert::{Alert, ClosedReason};

/// A verdict that people said of what it was about: its id, what it was, and the verdict with its inputs.
pub type Labelled = (String, Label, Kept);

/// Some closed alerts of all tenants that say what was harmful and what was not, and where to go on. A verdict with an
/// outcome is left out, for that says it already. For operators' jobs only.
///
/// # Errors
/// `KeepError`.
pub async fn page_of_closed(
    verdicts: &Verdicts,
    cursor: Option<&str>,
) -> Result<(Vec<Labelled>, Option<String>), KeepError> {
    let page = verdicts.store.scan(0, 1, cursor).await?;
    let mut labelled = Vec::new();
    for record in &page.records {
        let tenant = record.key.partition.strip_suffix("#alerts").map(str::parse::<TenantId>);
        let Some(Ok(tenant)) = tenant else { continue };
        let alert: Alert = record.document().map_err(StoreError::from)?;
        let Some(label) = alert.reason.and_then(label) else { continue };
        if verdicts.store.get(&Outcome::key(&tenant, &alert.verdict_id)).await?.is_some() {
            continue;
        }
        let gone = || KeepError::Damaged { id: alert.verdict_id.clone(), part: "verdict" };
        let kept = verdicts.whole(&tenant, &alert.verdict_id).await?.ok_or_else(gone)?;
        labelled.push((alert.verdict_id, label, kept));
    }
    Ok((labelled, page.cursor))
}

/// What is risky and meant says nothing of whether the verdict was right.
fn label(reason: ClosedReason) -> Option<Label> {
    match reason {
        ClosedReason::Harmful => Some(Label::Harmful),
        ClosedReason::FalseAlarm => Some(Label::Harmless),
        ClosedReason::Accepted | ClosedReason::Other => None,
    }
}
