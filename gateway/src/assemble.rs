//! The gateway put together.

use std::process::ExitCode;

use components::component::Builders;

use crate::config::PROGRAM;

/// Runs until a signal.
pub(crate) fn run(files: &[String]) -> ExitCode {
    let loaded = match PROGRAM.load(files) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    PROGRAM.begin(&loaded);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let context = PROGRAM.context(&loaded.config);
        PROGRAM.run(files, &loaded, context, Builders::shared()).await
    })
}
