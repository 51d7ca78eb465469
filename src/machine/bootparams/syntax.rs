//! From a template's text to its tree.
//!
//! The lexer and the parser are gotmpl's. Two things it lets pass that Go refuses are refused here: blocks that do not
//! balance (it ends the template at a stray `{{end}}` and closes an open `{{if}}` by itself, so part of a kernel line
//! would be lost without a word), and functions that do not exist in a branch that is not taken.

use std::collections::BTreeMap;

use gotmpl::TemplateError;
use gotmpl::parse::{CommandNode, Expr, ListNode, Node, Parser, PipeNode};

use super::error::{Fault, Problem};
use super::functions;

/// A BootParams template is a line; what is longer than this is something else.
const LONGEST: usize = 64 * 1024;

/// `{{else if}}` nests in the parser, which limits every other nesting itself.
const MOST_ELSE: usize = 100;

/// Appended to the source: it must come out as the end of the last text, or the template's blocks do not balance.
const END: char = '\0';

/// What begins and ends an action. Newer servers let a BootEnv choose (`StartDelimiter`, `EndDelimiter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiters<'a> {
    pub(super) start: &'a str,
    pub(super) end: &'a str,
}

impl<'a> Delimiters<'a> {
    /// Those of a BootEnv; an empty one is Go's own.
    #[must_use]
    pub fn new(start: &'a str, end: &'a str) -> Self {
        let or = |given: &'a str, own| if given.is_empty() { own } else { given };
        Self { start: or(start, "{{"), end: or(end, "}}") }
    }
}

/// Go's own.
impl Default for Delimiters<'_> {
    fn default() -> Self {
        Self::new("", "")
    }
}

/// A parsed template.
#[derive(Debug)]
pub(super) struct Template {
    /// What is rendered.
    pub(super) body: ListNode,
    /// What `{{define}}` and `{{block}}` name.
    pub(super) named: BTreeMap<String, ListNode>,
}

impl Template {
    pub(super) fn parse(source: &str, delimiters: Delimiters<'_>) -> Result<Self, Fault> {
        if source.len() > LONGEST {
            return Err(Fault::new(0, Problem::TooMuch(format!("the template has {} bytes", source.len()))));
        }
        if let Some((at, _)) = source.match_indices("else").nth(MOST_ELSE) {
            return Err(Fault::new(
                at,
                Problem::TooMuch(format!("the template says else more than {MOST_ELSE} times")),
            ));
        }
        if let Some(at) = source.find(END) {
            return Err(syntax(at, "a NUL character stands in the template"));
        }
        let parse = |text: &str| Parser::new(text, delimiters.start, delimiters.end).and_then(Parser::parse);
        let (mut body, defines) = parse(&format!("{source}{END}")).map_err(|error| {
            // Without the mark the message is about the template alone.
            refused(source, &parse(source).err().unwrap_or(error))
        })?;
        if !take_end(&mut body) {
            return Err(unbalanced(source, delimiters.start));
        }
        let mut named = BTreeMap::new();
        for define in defines {
            if named.insert(define.name.to_string(), define.body).is_some() {
                let message = format!("the template {:?} is defined twice", define.name);
                return Err(syntax(define.pos.offset, message));
            }
        }
        let template = Self { body, named };
        template.each_command(&mut |command| match command.args.first() {
            Some(Expr::Identifier(at, name)) if !functions::exists(name) => {
                Err(Fault::new(at.offset, Problem::UnknownFunction(name.to_string())))
            }
            _ => Ok(()),
        })?;
        Ok(template)
    }

    /// Calls `look` with every command of the template, and with every argument as if it were a command of its own.
    pub(super) fn each_command<E>(&self, look: &mut impl FnMut(&CommandNode) -> Result<(), E>) -> Result<(), E> {
        std::iter::once(&self.body).chain(self.named.values()).try_for_each(|list| in_list(list, look))
    }
}

fn in_list<E>(list: &ListNode, look: &mut impl FnMut(&CommandNode) -> Result<(), E>) -> Result<(), E> {
    list.nodes.iter().try_for_each(|node| match node {
        Node::List(list) => in_list(list, look),
        Node::Action(action) => in_pipe(&action.pipe, look),
        Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
            in_pipe(&branch.pipe, look)?;
            in_list(&branch.body, look)?;
            branch.else_body.iter().try_for_each(|list| in_list(list, look))
        }
        Node::Template(call) => call.pipe.iter().try_for_each(|pipe| in_pipe(pipe, look)),
        Node::Text(_) | Node::Define(_) | Node::Break(_) | Node::Continue(_) => Ok(()),
    })
}

fn in_pipe<E>(pipe: &PipeNode, look: &mut impl FnMut(&CommandNode) -> Result<(), E>) -> Result<(), E> {
    for command in &pipe.commands {
        look(command)?;
        for argument in command.args.iter().skip(1) {
            look(&CommandNode { pos: argument.pos(), args: vec![argument.clone()] })?;
        }
        command.args.iter().try_for_each(|argument| in_expression(argument, look))?;
    }
    Ok(())
}

fn in_expression<E>(expression: &Expr, look: &mut impl FnMut(&CommandNode) -> Result<(), E>) -> Result<(), E> {
    match expression {
        Expr::Pipe(_, pipe) => in_pipe(pipe, look),
        Expr::Chain(_, inner, _) => in_expression(inner, look),
        _ => Ok(()),
    }
}

/// Takes the mark off the end of the body; false when it is not there.
fn take_end(body: &mut ListNode) -> bool {
    let Some(Node::Text(last)) = body.nodes.last_mut() else { return false };
    let Some(text) = last.text.strip_suffix(END) else { return false };
    last.text = text.into();
    true
}

/// Which block of a template does not balance. Only for the message: it reads the first word of each action.
fn unbalanced(source: &str, start: &str) -> Fault {
    let mut open = Vec::new();
    for (at, _) in source.match_indices(start) {
        let action = source[at + start.len()..].trim_start_matches('-').trim_start();
        match action.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default() {
            "if" | "range" | "with" | "define" | "block" => open.push(at),
            "else" if open.is_empty() => return syntax(at, "this {{else}} stands in no block"),
            "end" if open.pop().is_none() => return syntax(at, "this {{end}} closes no block"),
            _ => {}
        }
    }
    syntax(open.pop().unwrap_or_default(), "this block has no {{end}}")
}

fn syntax(at: usize, message: impl Into<String>) -> Fault {
    Fault::new(at, Problem::Syntax(message.into()))
}

/// gotmpl's error with its place as a byte of the source.
fn refused(source: &str, error: &TemplateError) -> Fault {
    match error {
        TemplateError::Parse { line, col, message, .. } | TemplateError::Lex { line, col, message, .. } => {
            let start: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
            let characters = source[start..].char_indices().map(|(at, _)| start + at);
            syntax(characters.chain([source.len()]).nth(col.saturating_sub(1)).unwrap_or(source.len()), message.clone())
        }
        other => syntax(0, other.to_string()),
    }
}
