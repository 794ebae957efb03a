//! Health, metrics and queries over HTTP.
//!
//! Owns the routes and the shape of their answers. Knows the engine by a small trait, [`Engine`], and never touches what a worker owns: a contact is
//! asked for, and what comes is a copy of the committed state. There is no authentication: it listens on this machine unless configured otherwise.

mod routes;
mod server;
pub mod view;

pub use server::{ServeError, Server, ServerOptions};

use leadstream_runtime::{QueryAnswer, QueryRefusal, WorkerStatus};

/// What is behind the routes.
pub trait Engine: Send + Sync + 'static {
    /// The committed state of a contact. May wait for a step of a worker, but for no longer than seconds.
    ///
    /// # Errors
    /// [`QueryRefusal`]: nobody here knows, or not now.
    fn contact(&self, id: &str) -> Result<QueryAnswer, QueryRefusal>;

    /// What each worker says about itself.
    fn status(&self) -> Vec<WorkerStatus>;
}
