//! `Mail` on SES.

use async_trait::async_trait;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::SdkError;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageTag};
use scorpius_core::{Letter, Mail, MailError, PortError};

use crate::connect::Lazily;

/// Sends each letter by SES. SES remembers no ids: a letter that is handed over twice is sent twice.
pub struct SesMail {
    client: Lazily<Client>,
    from: String,
}

impl SesMail {
    /// Letters from the address `from`, whose identity SES has verified.
    pub(crate) fn new(client: Lazily<Client>, from: String) -> Self {
        Self { client, from }
    }
}

#[async_trait]
impl Mail for SesMail {
    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let message = Message::builder()
            .subject(utf8(&letter.subject)?)
            .body(Body::builder().text(utf8(&letter.text)?).build())
            .build();
        // Bounces and complaints name the letter by it.
        let tag = MessageTag::builder().name("letter").value(&letter.id).build().map_err(port)?;
        let sent = self
            .client
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(&letter.to).build())
            .content(EmailContent::builder().simple(message).build())
            .email_tags(tag)
            .send()
            .await;
        sent.map(drop).map_err(refused_or_away)
    }
}

fn utf8(text: &str) -> Result<Content, PortError> {
    Content::builder().data(text).charset("UTF-8").build().map_err(port)
}

/// What SES will never take is told from what it may take later. Which addresses it refused is not said.
fn refused_or_away(error: SdkError<SendEmailError>) -> MailError {
    let refused = match error.as_service_error() {
        Some(SendEmailError::BadRequestException(_)) => Some("the request"),
        Some(SendEmailError::MessageRejected(_)) => Some("the message"),
        Some(SendEmailError::MailFromDomainNotVerifiedException(_)) => Some("the sender's domain"),
        Some(SendEmailError::NotFoundException(_)) => Some("a name of the configuration"),
        _ => None,
    };
    match refused {
        Some(what) => MailError::Refused(format!("SES refuses {what}")),
        None => MailError::Port(port(error)),
    }
}

fn port(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError::new("mail", error)
}

#[cfg(test)]
mod tests {
    use aws_sdk_sesv2::types::error::{MessageRejected, TooManyRequestsException};
    use aws_smithy_runtime_api::http::{Response, StatusCode};
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn answered(error: SendEmailError) -> SdkError<SendEmailError> {
        let status = StatusCode::try_from(400).expect("a status");
        SdkError::service_error(error, Response::new(status, SdkBody::empty()))
    }

    #[test]
    fn what_ses_will_never_take_is_told_from_what_it_may_take_later() {
        let never = SendEmailError::MessageRejected(MessageRejected::builder().build());
        assert!(matches!(refused_or_away(answered(never)), MailError::Refused(_)));
        let later = SendEmailError::TooManyRequestsException(TooManyRequestsException::builder().build());
        assert!(matches!(refused_or_away(answered(later)), MailError::Port(_)));
        assert!(matches!(refused_or_away(SdkError::timeout_error("slow")), MailError::Port(_)));
    }
}
