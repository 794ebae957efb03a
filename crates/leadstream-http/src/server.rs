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
    /// What the process waits for before it can score; see [`Server::wait_for`].
    pub waits_for: String,
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
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to answer, on a thread of its own: that the process lives, what it waits for, its figures. Of contacts there is nothing to say before
    /// [`Server::serve`].
    ///
    /// # Errors
    /// [`ServeError`] where the system has no thread or no handles to give.
    pub fn start(options: ServerOptions) -> Result<Server, ServeError> {
        let ServerOptions { listener: Listener { listener, address }, application, waits_for, registry } = options;
        let failed = |source| ServeError { listen: address, source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = Shared::new(application, waits_for, registry);
        let router = router(Arc::clone(&shared));
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
        Ok(Server { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Says what the process waits for, in words that follow "waiting for", until it scores.
    pub fn wait_for(&self, what: String) {
        self.shared.wait_for(what);
    }

    /// From now on there is an engine behind the routes, and the plans in force to explain contacts by. The first call counts.
    pub fn serve(&self, engine: Arc<dyn Engine>, plans: PlansInForce) {
        self.shared.serve(engine, plans);
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
