//! Health, metrics and queries over HTTP.
//!
//! Owns the routes and the shape of their answers. Knows the engine by a small trait, [`Engine`], and never touches what a worker owns: a contact is
//! asked for, and what comes is a copy of the committed state. A contact of another instance is asked for there, once. There is no authentication: it listens on this machine unless configured otherwise.

mod forward;
pub mod list;
mod routes;
mod server;
pub mod view;

pub use forward::segment;
pub use server::{Listener, ServeError, Server, ServerOptions};

use std::sync::{Arc, Mutex};

use leadstream_runtime::{AllAnswer, ContactVisitor, QueryAnswer, QueryRefusal, WorkerStatus};

/// Who owns a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Its name in the group.
    pub name: String,
    /// Where it can be asked, as `host:port`; `None` where it does not say.
    pub address: Option<String>,
}

/// What is behind the routes.
pub trait Engine: Send + Sync + 'static {
    /// The committed state of a contact. May wait for a step of a worker, but for no longer than seconds.
    ///
    /// # Errors
    /// [`QueryRefusal`]: nobody here knows, or not now.
    fn contact(&self, id: &str) -> Result<QueryAnswer, QueryRefusal>;

    /// Has a visitor look at all contacts of this instance that lie in memory only, and gives the rest. May wait for a step of each worker, but for no
    /// longer than seconds.
    ///
    /// # Errors
    /// [`QueryRefusal::Unavailable`] where a worker does not answer.
    fn visit_all(&self, visitor: Arc<Mutex<dyn ContactVisitor>>) -> Result<AllAnswer, QueryRefusal>;

    /// How many tasks the application has, whoever owns them.
    fn tasks(&self) -> u32;

    /// Who owns a task of the application, among all instances; `None` where nobody does at present. What was learned a moment ago will do
    /// unless it is asked `anew`. May wait for the cluster, but for no longer than seconds.
    ///
    /// # Errors
    /// Why the group cannot tell.
    fn owner(&self, task: u32, anew: bool) -> Result<Option<Owner>, String>;

    /// What each worker says about itself.
    fn status(&self) -> Vec<WorkerStatus>;
}
