//! What fuzzing has kept: every file of `fuzz/corpus` through the function that was fuzzed with it.

use std::fs;
use std::path::Path;

#[allow(unreachable_pub)]
#[path = "../../fuzz/src/lib.rs"]
mod targets;

type Target = fn(&[u8]);

#[test]
fn every_file_of_the_corpus_is_read_without_harm() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let targets: [(&str, Target); 7] = [
        ("archive", targets::archive),
        ("area", targets::area),
        ("efi", targets::efi),
        ("fat", targets::fat),
        ("range", targets::range),
        ("show", targets::show),
        ("volume", targets::volume),
    ];
    let mut bytes = 0;
    for (name, target) in targets {
        let files: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() > 2, "{name} has {} files", files.len());
        for file in files {
            let input = fs::read(&file).unwrap();
            bytes += input.len();
            target(&input);
        }
    }
    assert_eq!(fs::read_dir(corpus).unwrap().count(), targets.len(), "a target that is not run here");
    assert!(bytes < 200 << 10, "the corpus has grown to {bytes} bytes: minimise it");
}
