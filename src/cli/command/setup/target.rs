//! `target`.

use std::io::{self, Write as _};

use crate::cli::args::{InitTarget, TargetChoice, TargetVerb};
use crate::cli::context::{Context, Place};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::ui::{Output, escape};

/// Does something with a target itself.
pub(in crate::cli) async fn target(
    context: &Context,
    verb: TargetVerb,
) -> Result<Exit, CommandError> {
    match verb {
        TargetVerb::Init(args) => init(context, args).await,
    }
}

async fn init(context: &Context, args: InitTarget) -> Result<Exit, CommandError> {
    let choice = TargetChoice::plain(Some(args.target), args.locks, false);
    let said = match context.place_to_make(&choice, &args.answers).await? {
        Place::Target(target) => format!("`{}` is a backup target already", target.location()),
        Place::Creatable(location) if args.answers.dry_run => {
            format!("`{location}` would become a backup target")
        }
        place @ Place::Creatable(_) => {
            let target = context.establish(place, &choice, &args.answers).await?;
            format!("`{}` is a backup target now", target.location())
        }
    };
    let mut out = Output::new(io::stdout());
    writeln!(out, "{}", escape(&said)).map_err(CommandError::Output)?;
    out.finish().map_err(CommandError::Output)?;
    Ok(Exit::Done)
}
