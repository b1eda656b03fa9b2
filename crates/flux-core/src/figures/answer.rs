//! A question of the portal and its answer: one way to ask for figures of any kind, with what is to be known of them.

use crate::db::Session;
use crate::error::Result;
use crate::figures::meta::Meta;
use crate::figures::scope::{Question, Scope};
use crate::figures::source::Source;
use crate::figures::unknown::Named;
use crate::figures::version::Version;

/// Figures of one kind, with what is to be known of them.
#[derive(Debug)]
pub struct Answer<T> {
    /// The figures.
    pub value: T,
    /// Their zone, days, sources and state.
    pub meta: Meta,
}

/// Figures, the tables that they stand on, and those that only parts of them stand on.
pub(crate) type Worked<T> = (T, Vec<Source>, Vec<Source>);

/// A kind of figures that a [`Question`] can be answered with.
pub trait Figures: Sized {
    /// What else must be known to work them out.
    type Of: Copy;

    /// Works them out, with the tables that they stand on, and those that only parts of them stand on.
    ///
    /// # Errors
    /// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
    fn work_out(session: &mut Session, scope: &Scope, of: Self::Of) -> Result<Named<Worked<Self>>>;

    /// Answers with them, read from the state `version` of the data.
    ///
    /// # Errors
    /// [`crate::error::Error::Usage`] for a period of more than three years or one that ends before it begins;
    /// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`]. Within: a zone or a period that leads to nothing.
    fn answer(
        session: &mut Session,
        question: &Question,
        of: Self::Of,
        version: &Version,
    ) -> Result<Named<Answer<Self>>> {
        let scope = match Scope::find(session, question)? {
            Ok(scope) => scope,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let worked = Self::work_out(session, &scope, of)?;
        Ok(worked.map(|(value, sources, further)| {
            let meta = Meta::new(&scope, &sources, &further, &version.to_string());
            Answer { value, meta }
        }))
    }
}

/// Figures that two answers can be held face to face in.
pub trait Against: Figures {
    /// The same with those of another answer, whose N stands in the place of N−1.
    fn against(&self, other: &Self) -> Self;
}
