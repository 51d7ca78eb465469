use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Delimiters, Scope, boot_params_args, params_named_in};
use crate::machine::Params;

const UUID: &str = "9f0c2a4e-1111-4222-8333-444455556666";

fn params(value: &Value) -> Params {
    Params::new(value.as_object().unwrap().clone())
}

fn machine() -> Value {
    json!({"Uuid": UUID, "Name": "m1.example.net", "Address": "10.0.0.21", "Arch": "amd64", "Secret": "s3cret",
           "HardwareAddrs": ["52:54:00:12:34:56"], "Meta": {"rack": "r7"}})
}

/// The words of a template, without the one that is put in front of all.
fn rendered_with(template: &str, given: &Value, composed: &Value) -> Result<String, String> {
    let (machine, given, composed) = (machine(), params(given), params(composed));
    let scope = Scope {
        machine: &machine,
        bootenv: "sledgehammer",
        delimiters: Delimiters::default(),
        params: &given,
        compose: &composed,
        provisioner_url: "http://10.0.0.5:8091/",
        api_url: "https://10.0.0.5:8092",
    };
    let args = boot_params_args(template, &scope).map_err(|error| error.to_string())?;
    Ok(args.to_string().strip_prefix("BOOTIF=discovery ").unwrap().to_owned())
}

fn rendered(template: &str, given: &Value) -> Result<String, String> {
    rendered_with(template, given, &json!({}))
}

#[test]
fn the_language_is_gos() {
    let given = json!({
        "text": "a b", "empty": "", "no": false, "zero": 0, "list": ["x", "y"], "map": {"k": "v", "j": {"n": 5}},
        "nested": "{{.Param \"text\"}}-{{.Machine.UUID}}", "nulls": {"n": null},
    });
    for (template, expected) in [
        ("a  \n b", "a b"),
        ("a{{/* a comment with }} and {{ in it */}}b", "ab"),
        ("a {{- \" b \" -}} c", "a b c"),
        ("{{`a\\b` | trimPrefix \"a\\\\\"}}", "b"),
        ("x={{\"\\x41\\u00410\"}}", "x=AA0"),
        ("{{.Param \"text\"}}", "a b"),
        ("{{$.Param \"text\"}}", "a b"),
        ("{{\"text\" | .Param | upper}}", "A B"),
        ("{{(.Param \"map\").j.n}}", "5"),
        ("{{.Param \"zero\"}} {{.Param \"no\"}}", "0 false"),
        ("{{if .Param \"empty\"}}yes{{else}}no{{end}}", "no"),
        ("{{if .ParamExists \"empty\"}}yes{{else}}no{{end}}", "yes"),
        ("{{if .ParamExists \"gone\"}}yes{{else if .ParamExists \"text\"}}text{{else}}no{{end}}", "text"),
        ("{{with .Param \"map\"}}{{.k}}={{$.Param \"zero\"}}{{end}}", "v=0"),
        ("{{with .Param \"empty\"}}a{{else with .Param \"list\"}}{{first .}}{{end}}", "x"),
        ("{{range .Param \"list\"}}i={{.}} {{end}}", "i=x i=y"),
        ("{{range $i, $e := .Param \"list\"}}{{$i}}={{$e}} {{else}}none{{end}}", "0=x 1=y"),
        ("{{range $k, $v := .Param \"map\"}}{{$k}} {{end}}", "j k"),
        ("{{range list 1 2 3 4}}{{if eq . 2}}{{continue}}{{end}}{{if eq . 4}}{{break}}{{end}}n{{.}} {{end}}", "n1 n3"),
        ("{{range list}}a{{else}}none{{end}}", "none"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{$x := 3}}{{end}}x{{$x}}", "x2"),
        ("{{define \"t\"}}[{{.}}]{{end}}{{template \"t\" .Param \"text\" | upper}}", "[A B]"),
        ("{{define \"t\"}}<{{.Machine.Name}}>{{end}}{{template \"t\" .}}", "<m1.example.net>"),
        ("{{block \"b\" .Machine}}{{.UUID}}{{end}}", UUID),
        ("{{if and (.ParamExists \"map\") (hasKey (.Param \"map\") \"k\")}}{{get (.Param \"map\") \"k\"}}{{end}}", "v"),
        ("{{and 1 0 (.Param \"gone\")}}{{or \"\" \"b\" (.Param \"gone\")}}", "0b"),
        ("{{not (eq 1 2)}}", "true"),
        ("{{.ParamExpand \"nested\"}}", "a b-9f0c2a4e-1111-4222-8333-444455556666"),
        (
            "{{.Machine.Meta.rack}} {{.Machine.Path}} {{.Machine.ShortName}} {{.Machine.HexAddress}}",
            "r7 machines/9f0c2a4e-1111-4222-8333-444455556666 m1 0A000015",
        ),
        (
            "{{.ProvisionerURL}} {{.ProvisionerAddress}} {{.ApiURL}} {{.Env.Name}}",
            "http://10.0.0.5:8091 10.0.0.5 https://10.0.0.5:8092 sledgehammer",
        ),
        ("{{.Machine.Url}}", "http://10.0.0.5:8091/machines/9f0c2a4e-1111-4222-8333-444455556666"),
        ("{{index .Machine.HardwareAddrs 0}} {{index (.Param \"list\") 1 | printf \"%s!\"}}", "52:54:00:12:34:56 y!"),
        ("{{.NetmaskToCIDR \"255.255.252.0\"}}", "22"),
        ("a }} b", "a }} b"),
        ("{{$m := .Param \"map\"}}{{if $m.gone}}a{{else}}b{{end}}", "b"),
    ] {
        assert_eq!(rendered(template, &given).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn the_machine_gets_bootif_unless_the_template_has_one() {
    let machine = machine();
    let given = Params::default();
    let scope = Scope {
        machine: &machine,
        bootenv: "sledgehammer",
        delimiters: Delimiters::default(),
        params: &given,
        compose: &given,
        provisioner_url: "http://10.0.0.5:8091",
        api_url: "",
    };
    let line = |template| boot_params_args(template, &scope).unwrap().to_string();
    assert_eq!(line("a b"), "BOOTIF=discovery a b");
    assert_eq!(line("a BOOTIF=01-aa"), "a BOOTIF=01-aa");
}

#[test]
fn a_bootenv_may_choose_its_delimiters() {
    let (machine, given) = (machine(), params(&json!({"p": "v", "nested": "{{.Param \"p\"}}"})));
    let scope = Scope {
        machine: &machine,
        bootenv: "sledgehammer",
        delimiters: Delimiters::new("[[", "]]"),
        params: &given,
        compose: &given,
        provisioner_url: "http://10.0.0.5:8091",
        api_url: "",
    };
    let line = |template| boot_params_args(template, &scope).map(|args| args.to_string()).map_err(|e| e.to_string());
    let template = r#"a=[[.Param "p"]] [[/* no more */]] b={{x}} c=[[.ParamExpand "nested"]]"#;
    assert_eq!(line(template).as_deref(), Ok("BOOTIF=discovery a=v b={{x}} c=v"));
    let error = line(r#"a [[.Param "gone"]] b"#).unwrap_err();
    assert!(error.contains(r#"column 5, at `[[.Param "gone"]]`"#), "{error}");
    assert!(line("a [[if 1]] b").unwrap_err().contains("column 3, at `[[if 1]]`: this block has no"), "no place");
    assert_eq!(params_named_in(template, scope.delimiters).resolved.len(), 2);
}

#[test]
fn composed_values_are_used_where_a_template_composes() {
    let (resolved, composed) = (json!({"p": ["a"], "q": "r"}), json!({"p": ["a", "b"]}));
    let template = r#"{{.Param "p" | len}}{{.ComposeParam "p" | len}}{{.ParamCompose "q"}}"#;
    assert_eq!(rendered_with(template, &resolved, &composed).as_deref(), Ok("12r"));
}

#[test]
fn the_servers_own_defaults_hold_where_it_did_not_resolve_them() {
    let template = r#"{{.Param "kernel-options"}} -- {{.Param "kernel-console"}} {{len (.Param "network-data")}}"#;
    assert_eq!(rendered(template, &json!({})).as_deref(), Ok("-- console=ttyS0,115200 console=tty0 0"));
}

#[test]
fn an_error_says_where_what_and_what_to_do() {
    let error = rendered("ro\n  rs.uuid={{.Machine.UUID}} gw={{ .Param \"gateway\" }}", &json!({})).unwrap_err();
    assert_eq!(
        error,
        "rendering the BootParams of BootEnv sledgehammer, line 2, column 35, at `{{ .Param \"gateway\" }}`: the \
         parameter gateway has no value; set it on the machine or one of its profiles"
    );
}

#[test]
fn whatever_is_wrong_is_an_error_with_its_place() {
    let given = json!({
        "map": {"null": null}, "list": [1], "text": "t", "bad": "a {{.Param \"gone\"}}", "loop": "{{.ParamExpand \"loop\"}}",
        "sealed": {"Key": "k", "Nonce": "n", "Payload": "hunter2"}, "options": "quiet it's",
    });
    let deep = format!("{}x{}", "{{if 1}}".repeat(120), "{{end}}".repeat(120));
    let doubling = "{{$x := `ab`}}{{range list 1 2 3 4 5 6 7 8 9}}{{range list 1 2 3 4 5 6 7 8 9}}{{$x = print $x $x}}{{end}}{{end}}";
    let ladder = format!("{{{{if 0}}}}a{}b{{{{end}}}}", "{{else if 0}}".repeat(99));
    assert!(rendered(&format!("x{ladder}"), &given).is_ok());
    let ladder = format!("{{{{if 0}}}}a{}b{{{{end}}}}", "{{else if 0}}".repeat(3000));
    let parentheses = format!("x{{{{{}1{}}}}}", "(".repeat(99), ")".repeat(99));
    assert_eq!(rendered(&parentheses, &given).as_deref(), Ok("x1"));
    let long = "a ".repeat(40_000);
    for (template, place, message) in [
        ("a {{.Machine.UUID", "1, column 18", "unclosed action"),
        ("a {{if .Machine}} b", "1, column 3", "this block has no {{end}}"),
        ("{{if 1}}a{{end}} b {{end}} c", "1, column 20", "this {{end}} closes no block"),
        ("a {{else}} b", "1, column 3", "this {{else}} stands in no block"),
        ("{{define \"t\"}}a", "1, column 1", "this block has no {{end}}"),
        ("{{define \"t\"}}a{{end}}{{define \"t\"}}b{{end}}", "1, column 25", "defined twice"),
        ("é {{if 0}}{{env \"HOME\"}}{{end}}", "1, column 13", "the function env is not known to this plugin"),
        ("{{template \"start.tmpl\" .}}", "1, column 3", "there is no template \"start.tmpl\""),
        ("{{define \"r\"}}{{template \"r\"}}{{end}}{{template \"r\"}}", "1, column 17", "calls itself"),
        ("gw={{(.Param \"map\").gateway}}", "1, column 6", "would say <no value>"),
        ("gw={{(.Param \"map\").gateway.more}}", "1, column 6", "the field more is asked of an expression"),
        ("gw={{(.Param \"map\").null}}", "1, column 6", "would say <no value>"),
        ("{{.Param \"list\" | join \",\" | first}}", "1, column 30", "first: an argument is a string, expected a list"),
        ("{{.Param \"map\"}}", "1, column 3", "would say <no value>"),
        ("{{range .Param \"list\"}}{{.Param \"text\"}}{{end}}", "1, column 26", "a number has no Param"),
        ("{{.Machine}}", "1, column 3", "the machine cannot be printed"),
        ("{{.Machine.Secret}}", "1, column 3", "the machine has no Secret that this plugin knows"),
        ("{{.Env.InstallUrl}}", "1, column 3", "the BootEnv has no InstallUrl that this plugin knows"),
        ("{{.Machine.Name \"x\"}}", "1, column 3", "Name takes no arguments"),
        ("{{.Param}}", "1, column 3", "Param takes one argument, a text"),
        ("{{\"a\" \"b\"}}", "1, column 3", "only functions and methods take arguments"),
        ("{{$x}}", "1, column 3", "there is no variable $x"),
        ("{{.Param \"sealed\"}}", "1, column 3", "the parameter sealed arrived encrypted"),
        ("{{.ParamExpand \"bad\"}}", "1, column 3", "in the value of the parameter bad, line 1, column 5, at"),
        ("{{.ParamExpand \"loop\"}}", "1, column 3", "calls itself"),
        ("a {{.Param \"options\"}} b", "1, column 5", "the kernel argument `it\\'s` holds a quote"),
        ("a b\\c d", "1, column 3", "the kernel argument `b\\\\c` holds a quote or a backslash"),
        (" {{- /* nothing */ -}} ", "1, column 1", "renders to nothing"),
        ("{{break}}", "1, column 3", "stands in no {{range}}"),
        ("a \0", "1, column 3", "a NUL character"),
        (&deep, "1, column 1", "nesting depth"),
        (&ladder, "1, column", "says else more than 100 times"),
        (doubling, "1, column", "no kernel line needs that much"),
        (&long, "1, column 1", "the template has 80000 bytes"),
    ] {
        let error = rendered(template, &given).unwrap_err();
        let shown = &template[..template.len().min(60)];
        assert!(error.contains(message), "{shown}: {error}");
        assert!(error.contains(&format!("line {place}")), "{shown}: {error}");
        assert!(!error.contains("hunter2") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn the_parameters_of_a_template_are_known_before_it_is_rendered() {
    let named = params_named_in(
        r#"{{if .ParamExists "a"}}{{$.Param "b" | first}}{{range list (.Param "c")}}{{end}}{{else}}{{.ComposeParam "d"}}{{end}}
           {{define "t"}}{{.ParamExpand "e"}}{{end}}{{hasKey (.ParamCompose "f") "g"}}{{.Param .Machine.Name}}"#,
        Delimiters::default(),
    );
    assert_eq!(named.resolved.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "b", "c", "e"]);
    assert_eq!(named.composed.iter().map(String::as_str).collect::<Vec<_>>(), ["d", "f"]);
    assert_eq!(params_named_in("{{.Param \"a\"", Delimiters::default()), super::NamedParams::default());
}

fn any_piece() -> impl Strategy<Value = String> {
    let pieces = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        "\n",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        ".Param",
        ".Machine",
        ".",
        "$x",
        "$",
        ":=",
        "=",
        "|",
        "(",
        ")",
        ",",
        "\"a\"",
        "\"list\"",
        "`r`",
        "1",
        "'c'",
        "nil",
        "true",
        "printf",
        "index",
        "list",
        "first",
        "text",
        "/*",
        "*/",
        "é",
        "\\",
        "\"",
        "0x",
        "-",
        "+1",
        "{{if 1}}",
        "{{end}}",
        "{{range .Param \"list\"}}",
        "{{.Param \"text\"}}",
        "{{else}}",
    ];
    prop_oneof![8 => prop::sample::select(pieces.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,4}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn any_text_ends_in_words_or_in_an_error_with_a_place(pieces in prop::collection::vec(any_piece(), 0..16)) {
        let template = pieces.concat();
        let given = json!({"a": "b", "list": ["x", 1], "text": "t"});
        match rendered(&template, &given) {
            Ok(line) => prop_assert!(line.bytes().all(|b| b.is_ascii_graphic() || b == b' ')),
            Err(error) => prop_assert!(error.contains(", line ") && error.contains("column"), "{}", error),
        }
    }
}
