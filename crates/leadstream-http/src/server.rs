//! The listener and its thread.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use leadstream_runtime::PlansInForce;
use prometheus::Registry;
use tokio::sync::oneshot;

use crate::Engine;
use crate::routes::{Shared, router};

/// An address that is had, where nobody is answered yet.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Takes an address; port 0 takes a free one. To be called before anything is begun that should not begin without it.
    ///
    /// # Errors
    /// [`ServeError`] where the address cannot be had.
    pub fn bind(listen: SocketAddr) -> Result<Listener, ServeError> {
        let failed = |source| ServeError { listen, source };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Listener { listener, address })
    }
}

/// What a server needs.
pub struct ServerOptions {
    /// Where to listen.
    pub listener: Listener,
    /// The application's id: questions go to and come from instances of the same one.
    pub application: String,
    /// What is behind the routes.
    pub engine: Arc<dyn Engine>,
    /// The plans in force, to explain contacts by.
    pub plans: PlansInForce,
    /// The figures to show.
    pub registry: Registry,
}

/// Why a server cannot begin: usually the address is in use, so choose another or stop what uses it.
#[derive(Debug)]
pub struct ServeError {
    listen: SocketAddr,
    source: std::io::Error,
}

impl std::fmt::Display for ServeError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "cannot listen at {}: {}", self.listen, self.source)
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A server at work. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to answer, on a thread of its own.
    ///
    /// # Errors
    /// [`ServeError`] where the system has no thread or no handles to give.
    pub fn start(options: ServerOptions) -> Result<Server, ServeError> {
        let ServerOptions { listener: Listener { listener, address }, application, engine, plans, registry } = options;
        let failed = |source| ServeError { listen: address, source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let router = router(Shared::new(application, engine, plans, registry));
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
                        // A sender that is gone means the same as one that has sent.
                        let _ = stopped.await;
                    });
                    if let Err(error) = serving.await {
                        tracing::error!(%error, "the http server has ended");
                    }
                });
                // A client that holds its connection open must not hold up the end of the process.
                runtime.shutdown_timeout(std::time::Duration::from_millis(100));
            })
            .map_err(failed)?;
        Ok(Server { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening; answers on their way are not waited for.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Its thread may have ended by itself, and said why.
            let _ = stop.send(());
        }
        // Connections that are kept alive would be waited for; the process goes on without the thread.
        drop(self.thread.take());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
