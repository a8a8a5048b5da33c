//! What is found about a site.

use serde_json::json;

use crate::engine::findings::Findings;
use crate::engine::party_rules::Known;
use crate::engine::rules::{Rules, SignalId};
use crate::message::Reading;

pub(super) fn look(
    reading: &Reading,
    age_days: Option<u32>,
    rules: &Rules,
    known: &Known<'_>,
    findings: &mut Findings,
) {
    for note in &reading.notes {
        findings.add(note.id, known.asked("name", note.evidence.clone()));
    }
    if findings.has(SignalId::KnownDomain) {
        return;
    }
    if let Some(days) = age_days.filter(|days| *days < rules.fresh_domain_days) {
        findings.add(
            SignalId::FreshDomain,
            known.asked("request", json!({"age_days": days, "told_by": "asker"})),
        );
    }
    findings.add(SignalId::NoDomainData, known.asked("request", json!({})));
}
