//! What a machine of one architecture boots, and where it lies below the web root.

use std::path::{Component, Path, PathBuf};

use super::{BootEnv, architecture};

/// What a machine of one architecture boots in a BootEnv.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection<'a> {
    /// Relative to the install tree; empty where no kernel is booted.
    pub kernel: &'a str,
    /// Relative to the install tree.
    pub initrds: &'a [String],
    /// The template of the kernel's arguments.
    pub boot_params: &'a str,
    /// The archive that holds them; empty where there is none.
    pub iso_file: &'a str,
    /// The UEFI boot loader relative to the install tree; empty where the BootEnv has none of its own.
    pub loader: &'a str,
}

impl BootEnv {
    /// What a machine of this architecture boots: what the architecture says where it says something, else what the top
    /// level does. The archive is the architecture's where it is listed, else amd64 alone has the operating system's.
    #[must_use]
    pub fn selection(&self, arch: &str) -> Selection<'_> {
        let arch = architecture(arch);
        let loader = self.loaders.get(&format!("{arch}-uefi")).map(String::as_str).unwrap_or_default();
        let shared = Selection {
            kernel: &self.kernel,
            initrds: &self.initrds,
            boot_params: &self.boot_params,
            iso_file: if arch == "amd64" { &self.os.iso_file } else { "" },
            loader,
        };
        let Some(own) = self.os.supported_architectures.get(&arch) else { return shared };
        Selection {
            kernel: filled(&own.kernel, shared.kernel),
            initrds: if own.initrds.is_empty() { shared.initrds } else { &own.initrds },
            boot_params: filled(&own.boot_params, shared.boot_params),
            iso_file: &own.iso_file,
            // `Loaders` came later and goes before the loader that is only told over DHCP.
            loader: filled(shared.loader, &own.loader),
        }
    }

    /// Whether a machine of this architecture boots a kernel in it; `local` and its like do not.
    #[must_use]
    pub fn boots_a_kernel(&self, arch: &str) -> bool {
        !self.selection(arch).kernel.is_empty()
    }

    /// The install tree below the web root: `OS[/ARCH][/install]`, where amd64 goes without a name of its own. `None`
    /// where the operating system's name is no name of a directory.
    #[must_use]
    pub fn path_below_webroot(&self, arch: &str) -> Option<PathBuf> {
        let arch = architecture(arch);
        let mut tree = below(Path::new(""), &self.os.name)?;
        if arch != "amd64" {
            tree = below(&tree, &arch)?;
        }
        if self.name.ends_with("-install") {
            tree.push("install");
        }
        Some(tree)
    }

    /// A file of the install tree, such as the kernel, below the web root. `None` where it would lie elsewhere.
    #[must_use]
    pub fn file_below_webroot(&self, arch: &str, file: &str) -> Option<PathBuf> {
        below(&self.path_below_webroot(arch)?, file)
    }
}

impl<'a> Selection<'a> {
    /// The signature of the Sledgehammer that the kernel belongs to: `abc123` of `abc123/vmlinuz0`. Kernel, initrd and root
    /// file system have to be of one signature, since the initrd fetches the root file system by it.
    #[must_use]
    pub fn signature(&self) -> Option<&'a str> {
        let (signature, file) = self.kernel.split_once('/')?;
        let is_name = |part: &str| !part.is_empty() && part != "." && part != "..";
        (is_name(signature) && is_name(file) && !file.contains('/')).then_some(signature)
    }
}

fn filled<'a>(own: &'a str, shared: &'a str) -> &'a str {
    if own.is_empty() { shared } else { own }
}

/// The path below a directory, if it stays there.
fn below(directory: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let stays =
        path.components().all(|part| matches!(part, Component::Normal(_))) && path.components().next().is_some();
    stays.then(|| directory.join(path))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use crate::drp::bootenv::tests::{bootenv, sledgehammer};

    #[test]
    fn sledgehammer_boots_what_its_architecture_says() {
        let env = bootenv(sledgehammer());
        for spelled in ["amd64", "x86_64", ""] {
            let selected = env.selection(spelled);
            assert_eq!(selected.kernel, "abc123/vmlinuz0");
            assert_eq!(selected.initrds, ["abc123/stage1.img"]);
            assert_eq!(selected.iso_file, "sledgehammer-abc123.amd64.tar");
            assert_eq!(selected.loader, "abc123/shimx64.efi");
            assert_eq!(selected.signature(), Some("abc123"));
        }
        assert!(env.boots_a_kernel("amd64") && !env.boots_a_kernel("arm64"));
    }

    #[test]
    fn each_value_falls_back_to_the_top_level_by_itself() {
        let env = bootenv(json!({"Name": "x-install", "Kernel": "k", "Initrds": ["i"], "BootParams": "p",
            "Loaders": {"arm64-uefi": ""},
            "OS": {"Name": "x", "IsoFile": "x.iso", "SupportedArchitectures": {
                "aarch64": {"Kernel": "ak", "Loader": "grub.efi"}, "ppc64le": {"Initrds": ["pi"], "BootParams": "pp"}}}}));
        let of = |arch| {
            let selected = env.selection(arch);
            (selected.kernel, selected.initrds.join(" "), selected.boot_params, selected.iso_file, selected.loader)
        };
        assert_eq!(of("amd64"), ("k", "i".to_owned(), "p", "x.iso", ""));
        assert_eq!(of("arm64"), ("ak", "i".to_owned(), "p", "", "grub.efi"));
        assert_eq!(of("ppc64le"), ("k", "pi".to_owned(), "pp", "", ""));
        // An architecture that is not listed has no archive, but the top level's kernel.
        assert_eq!(of("s390x"), ("k", "i".to_owned(), "p", "", ""));
    }

    #[test]
    fn local_boots_no_kernel() {
        assert!(!bootenv(json!({"Name": "local", "OS": {"Name": "local"}})).boots_a_kernel("amd64"));
    }

    #[test]
    fn the_install_tree_lies_where_the_server_explodes_it() {
        let cases = [
            ("sledgehammer", "sledgehammer", "amd64", Some("sledgehammer")),
            ("sledgehammer", "sledgehammer", "aarch64", Some("sledgehammer/arm64")),
            ("debian-12-install", "debian-12", "x86_64", Some("debian-12/install")),
            ("debian-12-install", "debian-12", "arm64", Some("debian-12/arm64/install")),
            ("x", "", "amd64", None),
            ("x", "../etc", "amd64", None),
            ("x", "/etc", "amd64", None),
            ("x", "x", "../..", None),
        ];
        for (name, os, arch, tree) in cases {
            let env = bootenv(json!({"Name": name, "OS": {"Name": os}}));
            assert_eq!(env.path_below_webroot(arch).as_deref(), tree.map(Path::new), "{name} {os} {arch}");
        }
        let env = bootenv(sledgehammer());
        let kernel = env.file_below_webroot("amd64", env.selection("amd64").kernel);
        assert_eq!(kernel.as_deref(), Some(Path::new("sledgehammer/abc123/vmlinuz0")));
        for outside in ["", "/etc/passwd", "../x", "abc123/../../x"] {
            assert_eq!(env.file_below_webroot("amd64", outside), None, "{outside}");
        }
    }

    #[test]
    fn only_a_kernel_in_a_directory_has_a_signature() {
        let signature =
            |kernel: &str| bootenv(json!({"Kernel": kernel})).selection("amd64").signature().map(str::to_owned);
        assert_eq!(signature("9f0c/vmlinuz0").as_deref(), Some("9f0c"));
        for kernel in ["", "vmlinuz0", "/vmlinuz0", "a/", "../vmlinuz0", "./vmlinuz0", "a/b/vmlinuz", "a/.."] {
            assert_eq!(signature(kernel), None, "{kernel}");
        }
    }
}
