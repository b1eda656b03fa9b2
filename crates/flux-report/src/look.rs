//! How pages look: the rules that the portal and the reports share.

use super::chart;

/// Colours, charts, text and tables; dark where the reader's system is, light on paper.
pub fn sheet() -> String {
    format!(
        ":root {{ {} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {} }} }}\n{}{}",
        chart::LIGHT,
        chart::DARK,
        chart::STYLE,
        include_str!("look.css")
    )
}
