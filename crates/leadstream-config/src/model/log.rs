//! Logging.

choice! {
    /// How log lines look.
    pub enum LogFormat {
        /// For people on a terminal, JSON otherwise.
        Auto = "auto",
        /// For people.
        Human = "human",
        /// One JSON object a line.
        Json = "json",
    }
}

choice! {
    /// The least severe lines that are written.
    pub enum LogLevel {
        /// An operator must act.
        Error = "error",
        /// Something will want attention.
        Warn = "warn",
        /// What happens, a few lines a minute.
        Info = "info",
        /// What happens, for finding faults.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

section! {
    /// Logging.
    pub struct Log {
        /// How log lines look.
        pub format: LogFormat = LogFormat::Auto,
        /// The least severe lines that are written.
        pub level: LogLevel = LogLevel::Info,
    }
}
