//! From a template's tree to text.
//!
//! gotmpl evaluates templates too, but not methods with arguments (`.Param "x"`), which is what BootParams are made of;
//! it tells no place when something fails, and it prints `<no value>` where we want an error.

use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, Number, PipeNode, TemplateNode};
use serde_json::Value;

use super::budget::{Budget, weight};
use super::error::{Fault, Place, Problem};
use super::functions;
use super::output::{Rendered, Writer};
use super::scope::{Operand, Reading, Scope, netmask_to_cidr};
use super::syntax::{Delimiters, Template};
use super::text::printed;

/// Renders `template` for `scope`.
pub(super) fn render(template: &Template, scope: &Scope<'_>) -> Result<Rendered, Fault> {
    Evaluator::new(template, scope, &mut Budget::default()).render()
}

struct Evaluator<'a> {
    template: &'a Template,
    scope: &'a Scope<'a>,
    budget: &'a mut Budget,
    variables: Vec<(String, Operand)>,
    output: Rendered,
}

/// How a list of nodes ended.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl<'a> Evaluator<'a> {
    fn new(template: &'a Template, scope: &'a Scope<'a>, budget: &'a mut Budget) -> Self {
        let variables = vec![("$".to_owned(), Operand::Root)];
        Self { template, scope, budget, variables, output: Rendered::default() }
    }

    fn render(mut self) -> Result<Rendered, Fault> {
        let template = self.template;
        match self.list(&template.body, &Operand::Root)? {
            Flow::On => Ok(self.output),
            Flow::Break | Flow::Continue => {
                Err(Fault::unusable(template.body.pos.offset, "{{break}} or {{continue}} stands in no {{range}}"))
            }
        }
    }

    fn list(&mut self, list: &ListNode, dot: &Operand) -> Result<Flow, Fault> {
        for node in &list.nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, dot: &Operand) -> Result<Flow, Fault> {
        match node {
            Node::Text(text) => self.write(&text.text, text.pos.offset, Writer::Text)?,
            Node::Action(action) => {
                let value = self.pipe(&action.pipe, dot)?;
                if action.pipe.decl.is_empty() {
                    self.print(&value, action.pos.offset)?;
                }
            }
            Node::If(branch) => return self.block(branch.pos.offset, |this| this.branch(branch, dot, false)),
            Node::With(branch) => return self.block(branch.pos.offset, |this| this.branch(branch, dot, true)),
            Node::Range(branch) => return self.block(branch.pos.offset, |this| this.range(branch, dot)),
            Node::Template(call) => return self.block(call.pos.offset, |this| this.call_template(call, dot)),
            Node::List(list) => return self.block(list.pos.offset, |this| this.list(list, dot)),
            Node::Define(_) => {}
            Node::Break(_) => return Ok(Flow::Break),
            Node::Continue(_) => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    /// Runs a block one level deeper, with variables of its own.
    fn block(&mut self, at: usize, run: impl FnOnce(&mut Self) -> Result<Flow, Fault>) -> Result<Flow, Fault> {
        self.budget.descend(at)?;
        let variables = self.variables.len();
        let flow = run(self)?;
        self.variables.truncate(variables);
        self.budget.ascend();
        Ok(flow)
    }

    fn branch(&mut self, branch: &BranchNode, dot: &Operand, moves_dot: bool) -> Result<Flow, Fault> {
        let value = self.pipe(&branch.pipe, dot)?;
        if is_true(&value) {
            return self.list(&branch.body, if moves_dot { &value } else { dot });
        }
        branch.else_body.as_ref().map_or(Ok(Flow::On), |body| self.list(body, dot))
    }

    fn range(&mut self, branch: &BranchNode, dot: &Operand) -> Result<Flow, Fault> {
        let at = branch.pos.offset;
        let entries: Vec<(Value, Value)> = match self.pipeline(&branch.pipe, dot)? {
            Operand::Json(Value::Null) => Vec::new(),
            Operand::Json(Value::Array(items)) => {
                items.into_iter().enumerate().map(|(at, item)| (at.into(), item)).collect()
            }
            Operand::Json(Value::Object(map)) => {
                let mut entries: Vec<_> = map.into_iter().collect();
                entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
                entries.into_iter().map(|(key, value)| (key.into(), value)).collect()
            }
            other => return Err(Fault::unusable(at, format!("range goes over lists and maps, not {}", other.name()))),
        };
        if entries.is_empty() {
            return branch.else_body.as_ref().map_or(Ok(Flow::On), |body| self.list(body, dot));
        }
        let variables = self.variables.len();
        for (key, item) in entries {
            self.budget.spend(1, at)?;
            let item = Operand::Json(item);
            match branch.pipe.decl.as_slice() {
                [] => {}
                [value] => self.bind(value, item.clone(), branch.pipe.is_assign, at)?,
                [index, value, ..] => {
                    self.bind(index, Operand::Json(key), branch.pipe.is_assign, at)?;
                    self.bind(value, item.clone(), branch.pipe.is_assign, at)?;
                }
            }
            let flow = self.list(&branch.body, &item)?;
            self.variables.truncate(variables);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    /// A template sees no variable of its caller's but `$`, which is what it was given.
    fn call_template(&mut self, call: &TemplateNode, dot: &Operand) -> Result<Flow, Fault> {
        let at = call.pos.offset;
        let template = self.template;
        let Some(body) = template.named.get(call.name.as_str()) else {
            let message = format!(
                "there is no template {:?} in the BootParams; those of the server are not known here",
                call.name
            );
            return Err(Fault::unusable(at, message));
        };
        let given = call.pipe.as_ref().map_or(Ok(Operand::Json(Value::Null)), |pipe| self.pipe(pipe, dot))?;
        let outside = std::mem::replace(&mut self.variables, vec![("$".to_owned(), given.clone())]);
        let flow = self.list(body, &given);
        self.variables = outside;
        match flow? {
            Flow::On => Ok(Flow::On),
            _ => Err(Fault::unusable(at, "{{break}} or {{continue}} stands in no {{range}} of its template")),
        }
    }

    /// A pipeline's value, bound to its variable where it declares one.
    fn pipe(&mut self, pipe: &PipeNode, dot: &Operand) -> Result<Operand, Fault> {
        let value = self.pipeline(pipe, dot)?;
        if let Some(name) = pipe.decl.first() {
            self.bind(name, value.clone(), pipe.is_assign, pipe.pos.offset)?;
        }
        Ok(value)
    }

    fn pipeline(&mut self, pipe: &PipeNode, dot: &Operand) -> Result<Operand, Fault> {
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, dot, value)?);
        }
        value.ok_or_else(|| Fault::unusable(pipe.pos.offset, "the pipeline is empty"))
    }

    /// A command: a function or a method with its arguments, of which the value piped into it is the last, or a value.
    fn command(&mut self, command: &CommandNode, dot: &Operand, piped: Option<Operand>) -> Result<Operand, Fault> {
        let Some((first, rest)) = command.args.split_first() else {
            return Err(Fault::unusable(command.pos.offset, "the command is empty"));
        };
        let at = first.pos().offset;
        self.budget.spend(1, at)?;
        match first {
            Expr::Identifier(_, name) if functions::LAZY.contains(&name.as_str()) => {
                self.lazily(name, rest, dot, piped, at)
            }
            Expr::Identifier(_, name) => {
                let arguments = self.arguments(rest, dot, piped)?;
                self.function(name, &arguments, at)
            }
            Expr::Field(_, names) => {
                let arguments = self.arguments(rest, dot, piped)?;
                self.chain(dot.clone(), names, &arguments, at)
            }
            Expr::Variable(_, name, names) => {
                let base = self.variable(name, at)?;
                let arguments = self.arguments(rest, dot, piped)?;
                self.chain(base, names, &arguments, at)
            }
            Expr::Chain(_, inner, names) => {
                let base = self.argument(inner, dot)?;
                let arguments = self.arguments(rest, dot, piped)?;
                self.chain(base, names, &arguments, at)
            }
            Expr::Nil(_) => Err(Fault::unusable(at, "nil is no command")),
            _ if !rest.is_empty() || piped.is_some() => {
                Err(Fault::unusable(at, "only functions and methods take arguments"))
            }
            _ => self.argument(first, dot),
        }
    }

    /// `and` and `or`: the value of the argument that decides.
    fn lazily(
        &mut self,
        name: &str,
        arguments: &[Expr],
        dot: &Operand,
        piped: Option<Operand>,
        at: usize,
    ) -> Result<Operand, Fault> {
        let mut value = None;
        for argument in arguments {
            let this = self.argument(argument, dot)?;
            if is_true(&this) == (name == "or") {
                return Ok(this);
            }
            value = Some(this);
        }
        piped.or(value).ok_or_else(|| Fault::unusable(at, format!("{name} has no argument")))
    }

    fn arguments(&mut self, given: &[Expr], dot: &Operand, piped: Option<Operand>) -> Result<Vec<Operand>, Fault> {
        let mut arguments = Vec::with_capacity(given.len() + 1);
        for argument in given {
            arguments.push(self.argument(argument, dot)?);
        }
        arguments.extend(piped);
        Ok(arguments)
    }

    fn argument(&mut self, expression: &Expr, dot: &Operand) -> Result<Operand, Fault> {
        let at = expression.pos().offset;
        let value = match expression {
            Expr::Dot(_) => dot.clone(),
            Expr::String(_, text) => Operand::Json(text.as_ref().into()),
            Expr::Number(_, Number::Int(number)) => Operand::Json((*number).into()),
            Expr::Number(_, Number::Float(number)) => Operand::Json((*number).into()),
            Expr::Number(_, Number::Uint(_)) => return Err(Fault::unusable(at, "the number is too big")),
            Expr::Bool(_, flag) => Operand::Json((*flag).into()),
            Expr::Nil(_) => Operand::Json(Value::Null),
            Expr::Pipe(_, pipe) => {
                self.budget.descend(at)?;
                let value = self.pipeline(pipe, dot)?;
                self.budget.ascend();
                value
            }
            Expr::Identifier(_, name) => self.function(name, &[], at)?,
            Expr::Field(_, names) => self.chain(dot.clone(), names, &[], at)?,
            Expr::Variable(_, name, names) => {
                let base = self.variable(name, at)?;
                self.chain(base, names, &[], at)?
            }
            Expr::Chain(_, inner, names) => {
                let base = self.argument(inner, dot)?;
                self.chain(base, names, &[], at)?
            }
        };
        self.budget.spend(operand_weight(&value), at)?;
        Ok(value)
    }

    /// Fields one after the other; arguments go to the last, which is a method then.
    fn chain(
        &mut self,
        base: Operand,
        names: &[impl AsRef<str>],
        arguments: &[Operand],
        at: usize,
    ) -> Result<Operand, Fault> {
        let Some((last, path)) = names.split_last() else {
            if arguments.is_empty() {
                return Ok(base);
            }
            return Err(Fault::unusable(at, "only functions and methods take arguments"));
        };
        let field = |of: Operand, name: &str| self.scope.field(&of, name).map_err(|problem| Fault::new(at, problem));
        let of = path.iter().try_fold(base, |of, name| field(of, name.as_ref()))?;
        let last = last.as_ref();
        if matches!(of, Operand::Root) && (Reading::of(last).is_some() || last == "NetmaskToCIDR") {
            return self.method(last, arguments, at);
        }
        let value = field(of, last)?;
        match arguments {
            [] => Ok(value),
            _ => Err(Fault::unusable(at, format!("{last} takes no arguments here"))),
        }
    }

    /// The methods of the root, all of which take one text.
    fn method(&mut self, name: &str, arguments: &[Operand], at: usize) -> Result<Operand, Fault> {
        let [Operand::Json(Value::String(given))] = arguments else {
            return Err(Fault::unusable(at, format!("{name} takes one argument, a text")));
        };
        let Some(reading) = Reading::of(name) else {
            return netmask_to_cidr(given).map(Operand::Json).map_err(|problem| Fault::new(at, problem));
        };
        let value = self.scope.param(given, reading).map_err(|problem| Fault::new(at, problem))?;
        if reading == Reading::Exists {
            return Ok(Operand::Json(value.is_some().into()));
        }
        let value = value.ok_or_else(|| Fault::new(at, Problem::NoParam(given.clone())))?;
        self.budget.spend(weight(&value), at)?;
        let value = if reading == Reading::Expanded { self.expand(given, value, at)? } else { value };
        Ok(Operand::Json(value))
    }

    /// Renders the texts of a parameter's value as templates themselves.
    fn expand(&mut self, param: &str, value: Value, at: usize) -> Result<Value, Fault> {
        // A parameter belongs to no BootEnv, so its delimiters are Go's.
        let delimiters = Delimiters::default();
        match value {
            Value::String(source) if source.contains(delimiters.start) => {
                self.budget.descend(at)?;
                let rendered = Template::parse(&source, delimiters)
                    .and_then(|template| Evaluator::new(&template, self.scope, self.budget).render());
                let rendered = rendered.map_err(|Fault { at: inside, problem }| {
                    let (place, problem) = (Place::of(&source, inside, delimiters), Box::new(problem));
                    Fault::new(at, Problem::InParam { param: param.to_owned(), place, problem })
                })?;
                self.budget.ascend();
                Ok(rendered.text.into())
            }
            Value::Array(items) => items.into_iter().map(|item| self.expand(param, item, at)).collect(),
            Value::Object(map) => {
                let entries = map.into_iter().map(|(key, item)| Ok((key, self.expand(param, item, at)?)));
                entries.collect::<Result<_, _>>().map(Value::Object)
            }
            other => Ok(other),
        }
    }

    fn function(&mut self, name: &str, arguments: &[Operand], at: usize) -> Result<Operand, Fault> {
        let json = |operand: &Operand| match operand {
            Operand::Json(value) => Ok(value.clone()),
            object => Err(Fault::unusable(at, format!("{name} takes values, not {}", object.name()))),
        };
        let arguments = arguments.iter().map(json).collect::<Result<Vec<_>, _>>()?;
        let value = functions::call(name, &arguments).map_err(|message| Fault::unusable(at, message))?;
        self.budget.spend(weight(&value), at)?;
        Ok(Operand::Json(value))
    }

    fn variable(&self, name: &str, at: usize) -> Result<Operand, Fault> {
        let found = self.variables.iter().rev().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.clone())
            .ok_or_else(|| Fault::unusable(at, format!("there is no variable {name} here")))
    }

    fn bind(&mut self, name: &str, value: Operand, assigns: bool, at: usize) -> Result<(), Fault> {
        self.budget.spend(operand_weight(&value), at)?;
        if !assigns {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, place)) => *place = value,
            None => return Err(Fault::unusable(at, format!("there is no variable {name} here to set"))),
        }
        Ok(())
    }

    fn print(&mut self, value: &Operand, at: usize) -> Result<(), Fault> {
        match value {
            Operand::Json(Value::Null) => Err(Fault::new(at, Problem::NoValue)),
            Operand::Json(value) => {
                let text = printed(value);
                // Inside of a list or a map, and from `print`, Go writes it so.
                if text.contains("<nil>") {
                    return Err(Fault::new(at, Problem::NoValue));
                }
                self.write(&text, at, Writer::Action)
            }
            object => Err(Fault::unusable(at, format!("{} cannot be printed; name one of its fields", object.name()))),
        }
    }

    fn write(&mut self, text: &str, at: usize, by: Writer) -> Result<(), Fault> {
        self.budget.spend(text.len(), at)?;
        self.output.write(text, at, by)
    }
}

fn operand_weight(value: &Operand) -> usize {
    if let Operand::Json(value) = value { weight(value) } else { 1 }
}

fn is_true(value: &Operand) -> bool {
    match value {
        Operand::Json(value) => functions::is_true(value),
        Operand::Root | Operand::Machine | Operand::Env => true,
    }
}
