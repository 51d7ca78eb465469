//! Plans of served images on a disk that is full: a new one leaves nothing, and one that is over is over.

use std::fs;

use drp_virtual_media::iso::{KeptPlan, KeptPlans};
use tempfile::TempDir;

use crate::disk::Disk;
use crate::full::full;
use crate::site::{fill, image, machine, template};

#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn what_is_over_is_over_on_a_full_disk_too() {
    let elsewhere = TempDir::new().unwrap();
    let template = template(&elsewhere.path().join("cdboot.iso"));
    let plan = |number| KeptPlan::new(machine(number), "sledgehammer", &number.to_string(), &image(&template, number));
    for kind in ["ext4", "xfs"] {
        let disk = Disk::new(kind, 512);
        let path = disk.path().join("plans");
        let plans = KeptPlans::new(&path);
        plans.keep(&plan(1)).unwrap();
        plans.keep(&plan(2)).unwrap();
        fill(&disk.path().join("other"));
        let before = fs::read(&path).unwrap();
        full(&plans.keep(&plan(3)).unwrap_err(), &path);
        assert!(fs::read(&path).unwrap() == before, "{kind}");
        plans.forget("1").unwrap();
        let tokens = || KeptPlans::new(&path).load().unwrap().into_iter().map(|plan| plan.token).collect::<Vec<_>>();
        assert_eq!(tokens(), ["2"], "{kind}");
        fs::remove_file(disk.path().join("other")).unwrap();
        plans.keep(&plan(3)).unwrap();
        assert_eq!(tokens(), ["2", "3"], "{kind}");
    }
}
