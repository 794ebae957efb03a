//! What can be asked of all contacts of a service.

use std::path::PathBuf;

use clap::Args;

/// `contacts`
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "All conditions must hold. A list is exact for the tasks of the instance that is asked, each as of its last commit, and reads all of \
                  their contacts."
)]
pub(crate) struct ContactsArguments {
    /// The score: global, plan:ID, engagement:ID, fit:ID, stage:ID or tag:NAME
    #[arg(long, value_name = "SCORE", default_value = "global")]
    pub(crate) sort: String,
    /// At least so many points of that score
    #[arg(long, value_name = "POINTS", allow_negative_numbers = true)]
    pub(crate) min: Option<f64>,
    /// At most so many
    #[arg(long, value_name = "POINTS", allow_negative_numbers = true)]
    pub(crate) max: Option<f64>,
    /// The plan whose levels are meant
    #[arg(long, value_name = "ID")]
    pub(crate) plan: Option<String>,
    /// Takes part in the plan, or does not
    #[arg(long, value_name = "true|false", requires = "plan", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) member: Option<bool>,
    /// Is qualified by the plan, or is not
    #[arg(long, value_name = "true|false", requires = "plan", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) qualified: Option<bool>,
    /// Is in this stage
    #[arg(long, value_name = "NAME", requires = "plan")]
    pub(crate) stage: Option<String>,
    /// Is in this temperature band
    #[arg(long, value_name = "NAME", requires = "plan")]
    pub(crate) band: Option<String>,
    /// Has this grade
    #[arg(long, value_name = "GRADE", requires = "plan")]
    pub(crate) grade: Option<String>,
    /// Is the lead of this owner
    #[arg(long, value_name = "NAME", requires = "plan")]
    pub(crate) owner: Option<String>,
    /// Carries this tag; may be given again
    #[arg(long = "tag", value_name = "NAME")]
    pub(crate) tags: Vec<String>,
    /// Has this attribute, as in city=Warszawa; may be given again
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    pub(crate) attributes: Vec<String>,
    /// Has an event of this type, and so long ago at most, as in order_completed@30d; may be given again
    #[arg(long, value_name = "TYPE[@SPAN]")]
    pub(crate) did: Vec<String>,
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 20, conflicts_with = "output")]
    pub(crate) limit: usize,
    /// Go on behind a page, with what it said
    #[arg(long, value_name = "PLACE", conflicts_with = "output", allow_hyphen_values = true)]
    pub(crate) after: Option<String>,
    /// The page as JSON
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
    /// Write all that fit: JSON lines, or CSV for a name that ends in .csv; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub(crate) output: Option<PathBuf>,
    /// Where the service listens; without it http.listen of the configuration
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}
