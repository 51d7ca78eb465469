//! A BootEnv's BootParams, rendered for a machine as the server renders them.
//!
//! BootParams are a Go `text/template` with sprig's functions, and the words that come out are the kernel's arguments.
//! Where the server gives the BootEnv, its template decides them; [`sledgehammer_args`](super::sledgehammer_args) is
//! what Sledgehammer's template says, for where it does not. What the two have in common is tested in `agreement_tests`.
//!
//! # What is understood
//!
//! The whole syntax of Go's templates: trim markers, comments, pipelines, variables, `if`, `with`, `range`, `define`,
//! `template`, `block`. Of the server's objects:
//!
//! | | |
//! |---|---|
//! | `.Param` `.ParamExists` `.ParamExpand` `.ComposeParam` `.ParamCompose` | parameters, resolved or composed by the server |
//! | `.ProvisionerURL` `.ProvisionerAddress` `.ApiURL` `.NetmaskToCIDR` | |
//! | `.Machine` | the object's fields, and `UUID` `Path` `Url` `ShortName` `HexAddress` |
//! | `.Env.Name` | |
//!
//! and the functions in `functions`. Whatever else a template names is an error that says where, because a kernel line
//! that lacks a word fails on the machine, minutes later and without a trace. For the same reason a missing value, which
//! Go prints as `<no value>`, is an error.
//!
//! # Why an evaluator of our own
//!
//! Two crates were tried. gtmpl 0.7.1 does not come back from `nil */define {{ nil:= range .A $ text endprintf0x `.
//! gotmpl 0.6.1 has a complete lexer and parser, which took 96,000 random inputs without a panic, and `syntax` uses
//! them; its evaluator has no methods with arguments, which is what BootParams consist of, no places in its errors, and
//! no limit but on `range`.

#[cfg(test)]
mod agreement_tests;
mod budget;
mod error;
mod eval;
mod functions;
mod output;
mod scope;
mod syntax;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;

use gotmpl::parse::Expr;

pub use error::{BootParamsError, Place, Problem};
pub use scope::Scope;
pub use syntax::Delimiters;

use super::KernelArgs;
use error::Fault;
use output::Rendered;
use scope::Reading;
use syntax::Template;

/// The first word where the template has no `BOOTIF=` of its own: Sledgehammer's initrd fails without one, and no boot
/// loader adds it to a line that did not come over the network.
const BOOT_INTERFACE: &str = "BOOTIF=discovery";

/// The parameters that a template names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedParams {
    /// To be resolved, with the defaults of their schemas.
    pub resolved: BTreeSet<String>,
    /// To be composed from all that define them.
    pub composed: BTreeSet<String>,
}

/// Renders a BootEnv's BootParams into the kernel arguments of its machine.
///
/// # Errors
/// The template cannot be understood or rendered, or what comes out is no kernel line.
pub fn boot_params_args(template: &str, scope: &Scope<'_>) -> Result<KernelArgs, BootParamsError> {
    let line = Template::parse(template, scope.delimiters)
        .and_then(|parsed| eval::render(&parsed, scope))
        .and_then(|line| words(&line));
    line.map_err(|Fault { at, problem }| BootParamsError {
        bootenv: scope.bootenv.to_owned(),
        place: Place::of(template, at, scope.delimiters),
        problem: Box::new(problem),
    })
}

/// The parameters that a template asks for by name, so that they can be fetched one by one: a server's answer for all of
/// them at once may lack the defaults. Names that are computed, and those in the value of another parameter, are not
/// here; nor is anything of a template that cannot be parsed, which [`boot_params_args`] says.
#[must_use]
pub fn params_named_in(template: &str, delimiters: Delimiters<'_>) -> NamedParams {
    let mut named = NamedParams::default();
    let Ok(template) = Template::parse(template, delimiters) else { return named };
    let looked = template.each_command(&mut |command| {
        let method = match command.args.first() {
            Some(Expr::Field(_, path) | Expr::Variable(_, _, path) | Expr::Chain(_, _, path)) => path.last(),
            _ => None,
        };
        if let (Some(reading), Some(Expr::String(_, name))) =
            (method.and_then(|method| Reading::of(method)), command.args.get(1))
        {
            let set = if reading == Reading::Composed { &mut named.composed } else { &mut named.resolved };
            set.insert(name.as_ref().to_owned());
        }
        Ok::<(), std::convert::Infallible>(())
    });
    match looked {
        Ok(()) => named,
    }
}

/// The rendered line as words. Blanks between them do not count: a template that YAML folded leaves runs of them.
fn words(line: &Rendered) -> Result<KernelArgs, Fault> {
    let mut args = KernelArgs::default();
    let mut end = 0;
    for word in line.text.split_whitespace() {
        let start = end + line.text[end..].find(word).unwrap_or_default();
        end = start + word.len();
        args.push(word).map_err(|error| Fault::new(line.source_of(start..end), error.into()))?;
    }
    if args.words().is_empty() {
        return Err(Fault::new(0, Problem::Empty));
    }
    if args.words().iter().any(|word| word.starts_with("BOOTIF=")) {
        return Ok(args);
    }
    let mut line = KernelArgs::parse(BOOT_INTERFACE).map_err(|error| Fault::new(0, error.into()))?;
    line.extend(args);
    Ok(line)
}
