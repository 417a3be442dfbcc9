//! Floor 3: the documentation site, with the way of every column.
//!
//! In: the project, what binding its SQL told of columns, what the warehouse has, the last verdicts. Out: a folder of
//! static files (or one HTML file) that needs no server and asks no other machine; `lineage.json`; diagrams.
//!
//! [`data`] makes the project into JSON, [`layout`] places the boxes of its graph, [`page`] makes files of them; the program
//! that shows them is in `assets/`, plain JavaScript that turns data into text nodes, never into markup.

mod column_file;
mod data;
mod diagram;
mod layout;
mod page;
mod publish;
mod results;
mod serve;

pub use column_file::{LINEAGE_FILE, lineage_json};
pub use data::{SiteInput, site_data};
pub use diagram::{dot, mermaid};
pub use page::{FOLDER, SiteData, SiteFile};
pub use publish::{PublishError, publish};
pub use results::LastResults;
pub use serve::{ServeError, Server};
