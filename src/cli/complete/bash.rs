//! What bash is told.
//!
//! # Design
//!
//! Bash breaks words at colons, so that of `prod:we` a completion sees three words, and cannot tell
//! `prod:` from `prod `. The adapter of clap takes those words; this one takes the line itself.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::env::EnvCompleter;

use super::super::environment::bash_line;
use super::{candidates, line};

/// The adapter for bash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bash;

const REGISTRATION: &str = r#"_NAME() {
    local IFS=$'\n'
    COMPREPLY=($(INCUS_BACKUP_LINE="${COMP_LINE:0:COMP_POINT}" VAR=bash "COMPLETER" -- _ 2>/dev/null))
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} =~ [=/:]$ ]]; then
        compopt -o nospace
    fi
}
complete -o bashdefault -o nosort -F _NAME BIN
"#;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn io::Write,
    ) -> io::Result<()> {
        let script = REGISTRATION
            .replace("NAME", &name.replace('-', "_"))
            .replace("VAR", var)
            .replace("COMPLETER", completer)
            .replace("BIN", bin);
        buf.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        _: Vec<OsString>,
        folder: Option<&Path>,
        buf: &mut dyn io::Write,
    ) -> io::Result<()> {
        let words = line::words(&bash_line());
        let kept = line::replaced(words.last().map_or("", String::as_str)).to_owned();
        let words = words.into_iter().map(OsString::from).collect();
        for candidate in candidates(command, words, folder) {
            let value = candidate.get_value().to_string_lossy().into_owned();
            writeln!(buf, "{}", value.strip_prefix(&kept).unwrap_or(&value))?;
        }
        Ok(())
    }
}
