use proptest::prelude::*;

use super::{Area, find};
use crate::machine::{KernelArgs, Loader};

const GRUB: &str = r#"if [ "$grub_platform" = "efi" ]; then
    set root=(cd0)
fi
set timeout=0
# REPLACE HERE
menuentry "A machine" {
    $linuxcmd /vmlinuz0 rs.uuid=unset provisioner.ip=555.0.0.2/24 -- console=ttyS0
    $initrdcmd /stage1.img
}
"#;

const ISOLINUX: &str = "# REPLACE 2 HERE\ntimeout 0\ndefault 1\nlabel 1\n    kernel /vmlinuz0\n    append initrd=/stage1.img rs.uuid=unset ro\n";

fn padded(text: &str, lines: usize) -> String {
    format!("{text}{}", format!("{}\n", "#".repeat(80)).repeat(lines))
}

fn only(path: &str, text: &str) -> Area {
    let mut areas = find(path, text.as_bytes(), 1000).unwrap();
    assert_eq!(areas.len(), 1);
    areas.remove(0)
}

fn args(line: &str) -> KernelArgs {
    KernelArgs::parse(line).unwrap()
}

/// The text with its area rendered for these arguments.
fn generated(path: &str, text: &str, line: &str) -> String {
    let area = only(path, text);
    let bytes = area.render(&args(line)).unwrap();
    let at = usize::try_from(area.offset() - 1000).unwrap();
    format!("{}{}{}", &text[..at], String::from_utf8(bytes).unwrap(), &text[at + area.size()..])
}

#[test]
fn the_entry_stays_and_its_arguments_change() {
    let text = generated("/boot/grub/grub.cfg", &padded(GRUB, 15), "rs.uuid=1 a;b -- console=tty0");
    let (head, tail) = text.split_once("# REPLACE HERE\n").unwrap();
    assert_eq!(head, GRUB.split_once("# REPLACE").unwrap().0);
    let entry = "menuentry \"A machine\" {\n    $linuxcmd /vmlinuz0 rs.uuid=1 'a;b' -- console=tty0\n    $initrdcmd /stage1.img\n}\n";
    assert!(tail.starts_with(entry), "{tail}");
    assert!(tail[entry.len()..].lines().all(|line| line.bytes().all(|byte| byte == b'#')), "{tail}");
    assert_eq!(text.len(), padded(GRUB, 15).len());
}

#[test]
fn isolinux_keeps_its_initrd_and_sees_no_quotes() {
    let text = generated("/isolinux/isolinux.cfg", &padded(ISOLINUX, 15), "rs.uuid=1 a;b");
    assert!(text.contains("    kernel /vmlinuz0\n    append initrd=/stage1.img rs.uuid=1 a;b\n#"), "{text}");
}

#[test]
fn an_initrd_after_other_arguments_or_in_its_own_line_stays() {
    let late = ISOLINUX.replace("initrd=/stage1.img rs.uuid=unset", "rs.uuid=unset initrd=/stage1.img");
    assert!(generated("/x.cfg", &padded(&late, 3), "a").contains("    append initrd=/stage1.img a\n"));
    let own = ISOLINUX.replace("append initrd=/stage1.img", "INITRD /stage1.img\n    APPEND");
    assert!(generated("/x.cfg", &padded(&own, 3), "a").contains("    INITRD /stage1.img\n    APPEND a\n"));
}

#[test]
fn the_marker_is_a_whole_line_in_any_case() {
    for (line, found) in [
        ("# REPLACE HERE\n", true),
        ("# replace here\n", true),
        ("# Replace 2 Here\n", true),
        (" # REPLACE HERE\n", false),
        ("# REPLACE HERE \n", false),
        ("# REPLACE HERE\r\n", false),
        ("# REPLACE  HERE\n", false),
        ("# REPLACE 3 HERE\n", false),
        ("## REPLACE HERE\n", false),
    ] {
        let body = if line.contains('2') { ISOLINUX } else { GRUB };
        let text = padded(&body.replace("# REPLACE HERE\n", line).replace("# REPLACE 2 HERE\n", line), 2);
        assert_eq!(find("/x.cfg", text.as_bytes(), 0).unwrap().len(), usize::from(found), "{line:?}");
    }
}

#[test]
fn the_loader_is_told_by_marker_and_file_name() {
    assert_eq!(only("/boot/grub/grub.cfg", &padded(GRUB, 2)).loader(), Loader::Grub);
    assert_eq!(only("/any.cfg", &padded(ISOLINUX, 2)).loader(), Loader::Isolinux);
    let plain = ISOLINUX.replace("REPLACE 2 HERE", "REPLACE HERE");
    assert_eq!(only("/boot/syslinux.cfg", &padded(&plain, 2)).loader(), Loader::Isolinux);
}

#[test]
fn placeholder_arguments_are_room_and_the_loaders_line_is_a_limit() {
    let entry = "menuentry \"A machine\" {\n    $linuxcmd /vmlinuz0 \n    $initrdcmd /stage1.img\n}\n";
    let area = only("/x.cfg", &padded(GRUB, 15));
    assert_eq!(area.room(), area.size() - entry.len());
    assert!(area.room() > 15 * 81);
    assert_eq!(only("/x.cfg", &padded(GRUB, 100)).room(), 2000);
    let long = GRUB.replace("/vmlinuz0", &format!("/{}", "k".repeat(99)));
    assert_eq!(only("/x.cfg", &padded(&long, 100)).room(), 2046 - 12 - 100);
}

/// A full area must not let the loader run into what follows: the fill is a comment or nothing, and always ends its line.
#[test]
fn every_remainder_is_filled_to_the_byte() {
    for (path, text) in [("/grub.cfg", GRUB), ("/isolinux.cfg", ISOLINUX)] {
        let text = padded(text, 3) + "set after=1\n";
        let area = only(path, &text);
        for len in 1..=area.room() {
            let bytes = area.render(&args(&"x".repeat(len))).unwrap();
            assert_eq!(bytes.len(), area.size());
            assert_eq!(bytes.last(), Some(&b'\n'));
            let rendered = generated(path, &text, &"x".repeat(len));
            assert!(rendered.ends_with("\nset after=1\n"));
            assert_eq!(rendered, generated(path, &rendered, &"x".repeat(len)), "{len} bytes, generated again");
        }
        let long = area.render(&args(&"x".repeat(area.room() + 1))).unwrap_err();
        assert_eq!((long.needed, long.room), (area.room() + 1, area.room()));
    }
}

#[test]
fn quotes_cost_room() {
    let area = only("/grub.cfg", &padded(GRUB, 1));
    let word = format!("{};", "x".repeat(area.room() - 2));
    let long = area.render(&args(&word)).unwrap_err();
    assert_eq!((long.needed, long.room), (area.room() + 1, area.room()));
}

#[test]
fn what_is_not_understood_is_refused() {
    for (text, what) in [
        ("# REPLACE HERE\n", "there is no menuentry"),
        ("# REPLACE HERE", "there is no menuentry"),
        ("# REPLACE 2 HERE\n", "no line that boots a kernel"),
        ("# REPLACE HERE\nmenuentry x {\n}\n", "no line that boots a kernel"),
        ("# REPLACE HERE\nmenuentry x {\nlinux /v a\n", "no line `}`"),
        ("# REPLACE HERE\nmenuentry x { linux /v a; initrd /i }\n}\n", "not one command a line"),
        ("# REPLACE HERE\nmenuentry x {\nlinux /v a; initrd /i\n}\n", "a second command"),
        ("# REPLACE HERE\nmenuentry x {\nlinux /v a \\\n b\n}\n", "goes on"),
        ("# REPLACE HERE\nmenuentry x {\nlinux /v\n}\n", "no room"),
    ] {
        let error = find("/x.cfg", text.as_bytes(), 0).unwrap_err();
        assert!(error.contains(what), "{text:?}: {error}");
    }
}

#[test]
fn text_after_the_padding_belongs_to_no_area() {
    let text = padded(GRUB, 2) + "menuentry \"Another\" {\n}\n";
    assert!(generated("/grub.cfg", &text, "a=b").ends_with("#\nmenuentry \"Another\" {\n}\n"));
    let text = padded(ISOLINUX, 2) + "label 2\n    append other\n";
    assert!(generated("/isolinux.cfg", &text, "a=b").ends_with("#\nlabel 2\n    append other\n"));
}

#[test]
fn a_file_may_have_several_areas() {
    let text = padded(GRUB, 2) + &padded(GRUB, 2);
    let areas = find("/grub.cfg", text.as_bytes(), 0).unwrap();
    assert_eq!(areas.len(), 2);
    assert!(areas[0].offset() + (areas[0].size() as u64) < areas[1].offset());
}

/// GRUB's lexer as far as a rendered entry can reach it: words, quotes, separators, comments (GRUB manual, 6.1).
fn grub_commands(text: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut chars = text.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (Some(_) | None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(_) | None, '$') => {
                let word = word.get_or_insert_default();
                word.push('<');
                while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || "_{}".contains(*c)) {
                    word.push(c);
                }
                word.push('>');
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            (None, ' ' | '\t') => commands.last_mut().unwrap().extend(word.take()),
            (None, '\n' | ';' | '|' | '&' | '{' | '}' | '<' | '>') => {
                commands.last_mut().unwrap().extend(word.take());
                commands.push(if c == '\n' { vec![] } else { vec![c.to_string()] });
                if c != '\n' {
                    commands.push(vec![]);
                }
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "an open quote");
    commands.last_mut().unwrap().extend(word);
    commands.retain(|command| !command.is_empty());
    commands
}

proptest! {
    /// Whatever the arguments are, GRUB reads one menuentry with two commands, and hands the kernel exactly the words.
    #[test]
    fn no_arguments_add_a_command_to_grub(line in "([!-~]{0,12} ){0,20}") {
        let Ok(args) = KernelArgs::parse(&line) else { return Ok(()) };
        let area = only("/grub.cfg", &padded(GRUB, 15));
        let Ok(bytes) = area.render(&args) else { return Ok(()) };
        let commands = grub_commands(&String::from_utf8(bytes).unwrap());
        let mut kernel = vec!["<linuxcmd>", "/vmlinuz0"];
        kernel.extend(args.words().iter().map(String::as_str));
        let expected = vec![
            vec!["menuentry", "A machine"], vec!["{"], kernel, vec!["<initrdcmd>", "/stage1.img"], vec!["}"],
        ];
        prop_assert_eq!(commands, expected);
    }

    /// Whatever the arguments are, isolinux reads the same directives in the same number, and the words as they are.
    #[test]
    fn no_arguments_add_a_directive_to_isolinux(line in "([!-~]{0,12} ){0,20}") {
        let Ok(args) = KernelArgs::parse(&line) else { return Ok(()) };
        let area = only("/isolinux.cfg", &padded(ISOLINUX, 15));
        let Ok(bytes) = area.render(&args) else { return Ok(()) };
        let text = String::from_utf8(bytes).unwrap();
        let directives: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        prop_assert_eq!(directives.len(), 5);
        prop_assert_eq!(directives[4], format!("    append initrd=/stage1.img {args}"));
    }

    /// Any text at all gives areas or a reason, and what is rendered has exactly the area's length.
    #[test]
    fn no_config_file_is_too_odd(
        text in "(# REPLACE( 2)? HERE\n|menuentry x \\{\n|linux /v[ -~]{0,20}\n|append[ -~]{0,20}\n|\\}\n|#*\n|[ -~\r\t]{0,20}\n?){0,12}",
    ) {
        for area in find("/x.cfg", text.as_bytes(), 0).unwrap_or_default() {
            prop_assert!(area.offset() + area.size() as u64 <= text.len() as u64);
            if let Ok(bytes) = area.render(&args("a=b")) {
                prop_assert_eq!(bytes.len(), area.size());
            }
        }
    }
}
