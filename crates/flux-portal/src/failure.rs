//! What is answered when a request cannot be: a status, one sentence in French, never SQL, paths or traces.

use std::fmt::Display;

use axum::http::StatusCode;
use flux_core::error::Error;
use flux_core::figures::unknown::Unknown;

/// Seconds after which to ask again while the database is away.
const AWAY_S: u64 = 5;

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A parameter makes no sense.
    BadRequest(String),
    /// Nobody knows who asks.
    Unauthorized,
    /// It is known who asks, and that they may not.
    Forbidden(String),
    /// A name leads to nothing.
    NotFound(String),
    /// 405: the address does not take this method.
    NotAllowed,
    /// The request took too long to arrive.
    TooSlow,
    TooLarge,
    /// Seconds after which to ask again.
    TooMany(u64),
    /// The database is away, or has no time.
    Unavailable(String),
    Internal,
}

impl Failure {
    /// Writes down what went wrong within, which nobody who asked is to know.
    pub(crate) fn within<E: Display>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |error| {
            log::error!("{doing} : {error}");
            Self::Internal
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::NotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// `code` of the error document, kebab case.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad-request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not-found",
            Self::NotAllowed => "method-not-allowed",
            Self::TooSlow => "too-slow",
            Self::TooLarge => "too-large",
            Self::TooMany(_) => "too-many-requests",
            Self::Unavailable(_) => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// Two or three words.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "Demande incorrecte",
            Self::Unauthorized => "Connexion nécessaire",
            Self::Forbidden(_) => "Accès refusé",
            Self::NotFound(_) => "Introuvable",
            Self::NotAllowed => "Méthode refusée",
            Self::TooSlow => "Demande trop lente",
            Self::TooLarge => "Demande trop grande",
            Self::TooMany(_) => "Trop de demandes",
            Self::Unavailable(_) => "Service indisponible",
            Self::Internal => "Erreur interne",
        }
    }

    /// One French sentence for whoever asked.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::BadRequest(text) | Self::Forbidden(text) | Self::NotFound(text) | Self::Unavailable(text) => {
                text.clone()
            }
            Self::Unauthorized => "connectez-vous, ou donnez un jeton (Authorization: Bearer)".into(),
            Self::NotAllowed => "cette adresse n'accepte pas cette méthode".into(),
            Self::TooSlow => "la demande n'est pas arrivée à temps".into(),
            Self::TooLarge => "la demande est trop grande".into(),
            Self::TooMany(1) => "attendez une seconde avant de recommencer".into(),
            Self::TooMany(seconds) if *seconds > 120 => {
                format!("attendez {} minutes avant de recommencer", seconds.div_ceil(60))
            }
            Self::TooMany(seconds) => format!("attendez {seconds} secondes avant de recommencer"),
            Self::Internal => "l'erreur est dans les journaux du portail".into(),
        }
    }

    /// For programs.
    pub(crate) fn document(&self) -> String {
        serde_json::json!({"error": self.title(), "message": self.message(), "code": self.code()}).to_string()
    }

    /// Seconds after which to ask again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany(seconds) => Some(*seconds),
            Self::Unavailable(_) => Some(AWAY_S),
            _ => None,
        }
    }

    /// The failure of a status that something beneath us answered.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound("cette adresse n'existe pas".into()),
            StatusCode::METHOD_NOT_ALLOWED => Self::NotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::TooSlow,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable("le portail est saturé".into()),
            status if status.is_client_error() => Self::BadRequest("la demande ne se lit pas".into()),
            _ => Self::Internal,
        }
    }

    /// Whether a connection to the database may have come to harm.
    pub(crate) fn is_of_database(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Internal)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Usage(message) => Self::BadRequest(message),
            Error::Interrupted => Self::Unavailable("le portail s'arrête".into()),
            // A database that was never filled is no failure of the portal.
            Error::EmptyDimension { .. } => {
                log::warn!("{error} : lancez `ensure-schema --seed`");
                Self::NotFound("aucune donnée : rien n'a encore été importé".into())
            }
            error if error.is_passing() => {
                log::warn!("{error}");
                Self::Unavailable("la base de données ne répond pas, ou pas à temps".into())
            }
            error => {
                log::error!("{error}");
                Self::Internal
            }
        }
    }
}

impl From<Unknown> for Failure {
    /// What is there in place of the name, without saying in which table it was looked for.
    fn from(unknown: Unknown) -> Self {
        let list = |names: &[String]| names.iter().take(20).map(String::as_str).collect::<Vec<_>>().join(", ");
        Self::NotFound(match unknown {
            Unknown::Period { name, year, codes } if codes.is_empty() => {
                format!("la période « {name} » n'existe pas : {year} n'en a aucune")
            }
            Unknown::Period { name, year, codes } => {
                format!("la période « {name} » n'existe pas en {year} ; périodes connues : {}", list(&codes))
            }
            Unknown::Name { dim, name, near } if near.is_empty() => format!("{dim} « {name} » inconnue"),
            Unknown::Name { dim, name, near } => format!("{dim} « {name} » inconnue ; proches : {}", list(&near)),
            Unknown::Ambiguous { dim, name, names } => format!("{dim} « {name} » ambiguë entre {}", list(&names)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_told_in_minutes() {
        let told = |seconds| Failure::TooMany(seconds).message();
        assert_eq!(told(1), "attendez une seconde avant de recommencer");
        assert_eq!(told(120), "attendez 120 secondes avant de recommencer");
        assert_eq!(told(121), "attendez 3 minutes avant de recommencer");
        assert_eq!(told(899), "attendez 15 minutes avant de recommencer");
    }
}
