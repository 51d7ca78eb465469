//! Every personality in one table: who it is, where its media is, how it inserts, what it refuses, which route boots.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Images, Redfish, system_path, until};
use drp_virtual_media_sim::bmc::{Bmc, Boot, Device, Fleet, Personality, State};
use serde_json::{Value, json};

/// How a personality looks from outside.
struct Row {
    personality: Personality,
    vendor: Option<&'static str>,
    oem: Option<&'static str>,
    manager: &'static str,
    model: &'static str,
    /// Collections by the path of what links to them, with their members in order.
    media: &'static [(&'static str, &'static [&'static str])],
    /// The member that boots.
    cd: &'static str,
    insert: Insert,
    /// What an insert has beside `Image`.
    beside: &'static [(&'static str, &'static str)],
    /// Status of a good insert.
    inserted: u16,
    /// Status and id of an insert whose URL cannot be fetched.
    unreachable: (u16, &'static str),
    /// Status and id of an insert into a full drive.
    occupied: (u16, &'static str),
    /// Status and id of an eject of an empty drive; for PATCH, `""`.
    empty: (u16, &'static str),
    /// `Image` of an empty drive.
    nothing: Option<&'static str>,
    /// The routes that boot the image once, and whether the machine then really boots it.
    routes: &'static [(Route, bool)],
    /// Status and id of On when on.
    on_when_on: (u16, &'static str),
}

#[derive(Clone, Copy, PartialEq)]
enum Insert {
    Action,
    Patch,
    /// PATCH with `Inserted`.
    PatchInserted,
    /// PATCH of Supermicro's configuration here, then its action.
    Config(&'static str),
    /// `VmmControl` under this key.
    Control(&'static str),
    /// PATCH of Fujitsu's configuration, then the action of this system.
    Connect(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Route {
    /// PATCH of the system or of what lies below it.
    Override(&'static str),
    /// PATCH of the system with the mode as well, and this target.
    Whole(&'static str, &'static str),
    /// PATCH of Dell's attributes.
    Attributes(&'static str),
    /// Dell's import, to this target.
    Import(&'static str),
    /// PATCH of Fujitsu's own boot device.
    BootConfig(&'static str),
    /// PATCH of HPE's property on the member, under this key.
    NextReset(&'static str),
}

const DELL_SYSTEM: &str = "/redfish/v1/Systems/System.Embedded.1";
const DELL_MANAGER: &str = "/redfish/v1/Managers/iDRAC.Embedded.1";
const DELL_OLD_CD: &str = "/redfish/v1/Managers/iDRAC.Embedded.1/VirtualMedia/CD";
const DELL_OLD_MEDIA: &[(&str, &[&str])] = &[(DELL_MANAGER, &["RemovableDisk", "CD"])];
const IMPORT: &str = "EID_674_Manager.ImportSystemConfiguration";
const DELL_ATTRIBUTES: &str = "Oem/Dell/DellAttributes/iDRAC.Embedded.1";
const HPE_MEDIA: &[(&str, &[&str])] = &[("/redfish/v1/Managers/1", &["1", "2"])];
const HPE_CD: &str = "/redfish/v1/Managers/1/VirtualMedia/2";
const IBMC_CD: &str = "/redfish/v1/Managers/1/VirtualMedia/CD";
const XFUSION_MEDIA: &[&str] = &["CD", "USBStick", "iBMAUSBStick"];

const XCC_SYSTEM: &str = "/redfish/v1/Systems/1";
const XCC_SLOTS: &[&str] =
    &["RDOC1", "RDOC2", "EXT1", "EXT2", "EXT3", "EXT4", "Remote1", "Remote2", "Remote3", "Remote4"];
const XCC_MEDIA: &[(&str, &[&str])] = &[(XCC_SYSTEM, XCC_SLOTS), ("/redfish/v1/Managers/1", XCC_SLOTS)];
const XCC_CD: &str = "/redfish/v1/Systems/1/VirtualMedia/EXT1";
const XCC_ROUTES: &[(Route, bool)] =
    &[(Route::Override(XCC_SYSTEM), true), (Route::Override("/redfish/v1/Systems/1/Pending"), false)];

const SMC_SYSTEM: &str = "/redfish/v1/Systems/1";
const SMC_SLOTS: &[&str] = &["VirtualMedia1", "VirtualMedia2", "VirtualMedia3"];
const SMC_MEDIA: &[(&str, &[&str])] = &[(SMC_SYSTEM, SMC_SLOTS), ("/redfish/v1/Managers/1", SMC_SLOTS)];
const SMC_ROUTES: &[(Route, bool)] = &[
    (Route::Override(SMC_SYSTEM), false),
    (Route::Whole(SMC_SYSTEM, "Cd"), false),
    (Route::Whole(SMC_SYSTEM, "UsbCd"), true),
];

const ROWS: &[Row] = &[
    Row {
        personality: Personality::Generic,
        vendor: None,
        oem: None,
        manager: "/redfish/v1/Managers/BMC",
        model: "Joo Janta 200",
        media: &[("/redfish/v1/Systems/1", &["Cd"])],
        cd: "/redfish/v1/Systems/1/VirtualMedia/Cd",
        insert: Insert::Action,
        beside: &[],
        inserted: 204,
        unreachable: (500, "Base.1.15.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.15.ResourceInUse"),
        empty: (204, ""),
        nothing: None,
        routes: &[(Route::Override("/redfish/v1/Systems/1"), true)],
        on_when_on: (204, ""),
    },
    Row {
        personality: Personality::Idrac8,
        vendor: None,
        oem: Some("Dell"),
        manager: DELL_MANAGER,
        model: "13G Monolithic",
        media: DELL_OLD_MEDIA,
        cd: DELL_OLD_CD,
        insert: Insert::Action,
        beside: &[],
        inserted: 204,
        unreachable: (400, "IDRAC.1.6.RAC0904"),
        occupied: (500, "IDRAC.1.6.VRM0012"),
        empty: (500, "IDRAC.1.6.VRM0009"),
        nothing: None,
        routes: &[
            (Route::Override(DELL_SYSTEM), false),
            (Route::Attributes("Attributes"), false),
            (Route::Import(IMPORT), true),
        ],
        on_when_on: (409, "Base.1.2.ActionParameterValueConflict"),
    },
    Row {
        personality: Personality::Idrac9Early,
        vendor: Some("Dell"),
        oem: Some("Dell"),
        manager: DELL_MANAGER,
        model: "14G Monolithic",
        media: DELL_OLD_MEDIA,
        cd: DELL_OLD_CD,
        insert: Insert::Action,
        beside: &[],
        inserted: 204,
        unreachable: (400, "IDRAC.2.1.RAC0904"),
        occupied: (500, "IDRAC.2.1.VRM0012"),
        empty: (500, "IDRAC.2.1.VRM0009"),
        nothing: None,
        routes: &[
            (Route::Override(DELL_SYSTEM), false),
            (Route::Attributes("Attributes"), true),
            (Route::Import(IMPORT), true),
        ],
        on_when_on: (409, "Base.1.5.ActionParameterValueConflict"),
    },
    Row {
        personality: Personality::Idrac9,
        vendor: Some("Dell"),
        oem: Some("Dell"),
        manager: DELL_MANAGER,
        model: "15G Monolithic",
        media: &[(DELL_SYSTEM, &["1", "2"]), (DELL_MANAGER, &["RemovableDisk", "CD"])],
        cd: "/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1",
        insert: Insert::Action,
        beside: &[],
        inserted: 204,
        unreachable: (400, "IDRAC.2.8.RAC0904"),
        occupied: (500, "IDRAC.2.8.VRM0012"),
        empty: (500, "IDRAC.2.8.VRM0009"),
        nothing: None,
        routes: &[
            (Route::Override(DELL_SYSTEM), true),
            (Route::Override("/redfish/v1/Systems/System.Embedded.1/Settings"), false),
            (Route::Attributes(DELL_ATTRIBUTES), true),
            (Route::Import(IMPORT), true),
        ],
        on_when_on: (409, "Base.1.12.ActionParameterValueConflict"),
    },
    Row {
        personality: Personality::Idrac10,
        vendor: Some("Dell"),
        oem: Some("Dell"),
        manager: DELL_MANAGER,
        model: "17G Monolithic",
        media: &[(DELL_SYSTEM, &["2", "1"])],
        cd: "/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1",
        insert: Insert::Action,
        beside: &[],
        inserted: 204,
        unreachable: (400, "IDRAC.2.10.RAC0904"),
        occupied: (500, "IDRAC.2.10.VRM0012"),
        empty: (500, "IDRAC.2.10.VRM0009"),
        nothing: None,
        routes: &[
            (Route::Override(DELL_SYSTEM), false),
            (Route::Override("/redfish/v1/Systems/System.Embedded.1/Settings"), true),
            (Route::Attributes(DELL_ATTRIBUTES), false),
            (Route::Import("OemManager.ImportSystemConfiguration"), true),
        ],
        on_when_on: (409, "Base.1.18.ActionParameterValueConflict"),
    },
    Row {
        personality: Personality::Ilo4,
        vendor: None,
        oem: Some("Hp"),
        manager: "/redfish/v1/Managers/1",
        model: "iLO 4",
        media: HPE_MEDIA,
        cd: HPE_CD,
        insert: Insert::Patch,
        beside: &[],
        inserted: 200,
        unreachable: (400, "Base.0.10.CouldNotEstablishConnection"),
        occupied: (400, "iLO.0.10.MaxVirtualMediaConnectionEstablished"),
        empty: (200, "Base.0.10.Success"),
        nothing: Some(""),
        routes: &[(Route::Override("/redfish/v1/Systems/1/"), true), (Route::NextReset("Hp"), true)],
        on_when_on: (400, "iLO.0.10.InvalidOperationForSystemState"),
    },
    Row {
        personality: Personality::Ilo5,
        vendor: Some("HPE"),
        oem: Some("Hpe"),
        manager: "/redfish/v1/Managers/1",
        model: "iLO 5",
        media: HPE_MEDIA,
        cd: HPE_CD,
        insert: Insert::Action,
        beside: &[],
        inserted: 200,
        unreachable: (400, "Base.1.4.CouldNotEstablishConnection"),
        occupied: (400, "iLO.2.15.MaxVirtualMediaConnectionEstablished"),
        empty: (400, "iLO.2.15.NoVirtualMediaConnectionAvailable"),
        nothing: Some(""),
        routes: &[(Route::Override("/redfish/v1/Systems/1"), true), (Route::NextReset("Hpe"), true)],
        on_when_on: (400, "iLO.2.15.InvalidOperationForSystemState"),
    },
    Row {
        personality: Personality::Ilo6,
        vendor: Some("HPE"),
        oem: Some("Hpe"),
        manager: "/redfish/v1/Managers/1",
        model: "iLO 6",
        media: HPE_MEDIA,
        cd: HPE_CD,
        insert: Insert::Action,
        beside: &[],
        inserted: 200,
        unreachable: (400, "Base.1.18.CouldNotEstablishConnection"),
        occupied: (400, "iLO.2.23.MaxVirtualMediaConnectionEstablished"),
        empty: (400, "iLO.2.23.NoVirtualMediaConnectionAvailable"),
        nothing: Some(""),
        routes: &[(Route::Override("/redfish/v1/Systems/1/"), true), (Route::NextReset("Hpe"), true)],
        on_when_on: (400, "iLO.2.23.InvalidOperationForSystemState"),
    },
    Row {
        personality: Personality::Ilo7,
        vendor: Some("HPE"),
        oem: Some("Hpe"),
        manager: "/redfish/v1/Managers/1",
        model: "iLO 7",
        media: HPE_MEDIA,
        cd: HPE_CD,
        insert: Insert::Action,
        beside: &[],
        inserted: 200,
        unreachable: (400, "Base.1.18.CouldNotEstablishConnection"),
        occupied: (400, "iLO.2.23.MaxVirtualMediaConnectionEstablished"),
        empty: (400, "iLO.2.23.NoVirtualMediaConnectionAvailable"),
        nothing: Some(""),
        routes: &[(Route::Override("/redfish/v1/Systems/1/"), true), (Route::NextReset("Hpe"), true)],
        on_when_on: (400, "iLO.2.23.InvalidOperationForSystemState"),
    },
    Row {
        personality: Personality::Xcc,
        vendor: Some("Lenovo"),
        oem: Some("Lenovo"),
        manager: "/redfish/v1/Managers/1",
        model: "Lenovo XClarity Controller",
        media: XCC_MEDIA,
        cd: XCC_CD,
        insert: Insert::PatchInserted,
        beside: &[],
        inserted: 200,
        unreachable: (500, "Base.1.8.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.8.ResourceInUse"),
        empty: (200, "Base.1.8.Success"),
        nothing: None,
        routes: XCC_ROUTES,
        on_when_on: (204, ""),
    },
    Row {
        personality: Personality::Xcc2,
        vendor: Some("Lenovo"),
        oem: Some("Lenovo"),
        manager: "/redfish/v1/Managers/1",
        model: "Lenovo XClarity Controller 2",
        media: XCC_MEDIA,
        cd: XCC_CD,
        insert: Insert::PatchInserted,
        beside: &[],
        inserted: 201,
        unreachable: (500, "Base.1.12.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.12.ResourceInUse"),
        empty: (201, "Base.1.12.Success"),
        nothing: None,
        routes: XCC_ROUTES,
        on_when_on: (204, ""),
    },
    Row {
        personality: Personality::Xcc3,
        vendor: Some("Lenovo"),
        oem: Some("Lenovo"),
        manager: "/redfish/v1/Managers/1",
        model: "Lenovo XClarity Controller 3",
        media: &[(XCC_SYSTEM, XCC_SLOTS)],
        cd: XCC_CD,
        insert: Insert::PatchInserted,
        beside: &[],
        inserted: 204,
        unreachable: (500, "Base.1.18.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.18.ResourceInUse"),
        empty: (204, ""),
        nothing: None,
        routes: XCC_ROUTES,
        on_when_on: (204, ""),
    },
    Row {
        personality: Personality::LenovoTsm,
        vendor: Some("Lenovo"),
        oem: Some("Ami"),
        manager: "/redfish/v1/Managers/Self",
        model: "",
        media: &[("/redfish/v1/Managers/Self", &["CD1"])],
        cd: "/redfish/v1/Managers/Self/VirtualMedia/CD1",
        insert: Insert::Action,
        beside: &[("TransferProtocolType", "NFS")],
        inserted: 202,
        unreachable: (202, "Base.1.5.GeneralError"),
        occupied: (400, "Base.1.5.ResourceInUse"),
        empty: (400, "Base.1.5.GeneralError"),
        nothing: Some(""),
        routes: &[
            (Route::Override("/redfish/v1/Systems/Self"), false),
            (Route::Override("/redfish/v1/Systems/Self/SD"), false),
            (Route::Whole("/redfish/v1/Systems/Self/SD", "Cd"), true),
        ],
        on_when_on: (204, ""),
    },
    Row {
        personality: Personality::SupermicroX10,
        vendor: None,
        oem: Some("Supermicro"),
        manager: "/redfish/v1/Managers/1",
        model: "ASPEED",
        media: &[("/redfish/v1/Managers/1", &[])],
        cd: "/redfish/v1/Managers/1/VM1/CD1",
        insert: Insert::Config("/redfish/v1/Managers/1/VM1/CfgCD"),
        beside: &[],
        inserted: 200,
        unreachable: (500, "Base.1.0.0.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.15.ResourceInUse"),
        empty: (200, "Base.1.0.0.Success"),
        nothing: None,
        routes: &[(Route::Override(SMC_SYSTEM), true), (Route::Whole(SMC_SYSTEM, "Cd"), false)],
        on_when_on: (200, "Base.1.0.0.Success"),
    },
    Row {
        personality: Personality::SupermicroX12,
        vendor: None,
        oem: Some("Supermicro"),
        manager: "/redfish/v1/Managers/1",
        model: "ASPEED",
        media: SMC_MEDIA,
        cd: "/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1",
        insert: Insert::Action,
        beside: &[],
        inserted: 200,
        unreachable: (500, "Base.v1_4_0.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.15.ResourceInUse"),
        empty: (200, "Base.v1_4_0.Success"),
        nothing: None,
        routes: SMC_ROUTES,
        on_when_on: (200, "Base.v1_4_0.Success"),
    },
    Row {
        personality: Personality::SupermicroX13,
        vendor: Some("Supermicro"),
        oem: Some("Supermicro"),
        manager: "/redfish/v1/Managers/1",
        model: "ASPEED",
        media: SMC_MEDIA,
        cd: "/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1",
        insert: Insert::Action,
        beside: &[],
        inserted: 202,
        unreachable: (202, "Base.v1_10_3.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.15.ResourceInUse"),
        empty: (202, ""),
        nothing: None,
        routes: SMC_ROUTES,
        on_when_on: (200, "Base.v1_10_3.Success"),
    },
    Row {
        personality: Personality::Cimc,
        vendor: None,
        oem: Some("Cisco"),
        manager: "/redfish/v1/Managers/CIMC",
        model: "CIMC",
        media: &[("/redfish/v1/Managers/CIMC", &["1", "0"])],
        cd: "/redfish/v1/Managers/CIMC/VirtualMedia/0",
        insert: Insert::Action,
        beside: &[("TransferProtocolType", "HTTP")],
        inserted: 204,
        unreachable: (400, "Base.1.10.CouldNotEstablishConnection"),
        occupied: (400, "Base.1.10.ResourceInUse"),
        empty: (400, "Base.1.10.GeneralError"),
        nothing: None,
        routes: &[(Route::Override("/redfish/v1/Systems/WZP26000001"), true)],
        on_when_on: (204, ""),
    },
    Row {
        personality: Personality::Ucsx,
        vendor: None,
        oem: Some("Cisco"),
        manager: "/redfish/v1/Managers/CIMC",
        model: "CIMC",
        media: &[("/redfish/v1/Managers/CIMC", &["0", "1", "2", "3"])],
        cd: "/redfish/v1/Managers/CIMC/VirtualMedia/3",
        insert: Insert::Action,
        beside: &[("TransferProtocolType", "HTTP")],
        inserted: 204,
        unreachable: (400, "Base.1.14.CouldNotEstablishConnection"),
        occupied: (400, "Base.1.14.ResourceInUse"),
        empty: (400, "Base.1.14.GeneralError"),
        nothing: None,
        routes: &[(Route::Override("/redfish/v1/Systems/FCH27000001"), true)],
        on_when_on: (204, ""),
    },
    Row {
        personality: Personality::MegaRac,
        vendor: Some("AMI"),
        oem: Some("Ami"),
        manager: "/redfish/v1/Managers/Self",
        model: "43553231270",
        media: &[("/redfish/v1/Managers/Self", &["CD1", "RemovableStick1"])],
        cd: "/redfish/v1/Managers/Self/VirtualMedia/CD1",
        insert: Insert::Action,
        beside: &[("TransferProtocolType", "HTTP")],
        inserted: 202,
        unreachable: (202, "Base.1.12.GeneralError"),
        occupied: (400, "Base.1.12.ResourceInUse"),
        empty: (400, "Base.1.12.GeneralError"),
        nothing: Some(""),
        routes: &[
            (Route::Override("/redfish/v1/Systems/Self"), false),
            (Route::Whole("/redfish/v1/Systems/Self", "Cd"), false),
            (Route::Override("/redfish/v1/Systems/Self/SD"), false),
            (Route::Whole("/redfish/v1/Systems/Self/SD", "Cd"), true),
        ],
        on_when_on: (204, ""),
    },
    Row {
        personality: Personality::DgxH100,
        vendor: Some("AMI"),
        oem: Some("Ami"),
        manager: "/redfish/v1/Managers/BMC",
        model: "",
        media: &[("/redfish/v1/Managers/BMC", &["CD1", "CD2", "CD3", "CD4"])],
        cd: "/redfish/v1/Managers/BMC/VirtualMedia/CD1",
        insert: Insert::Action,
        beside: &[("TransferProtocolType", "HTTPS"), ("UserName", "none"), ("Password", "none")],
        inserted: 202,
        unreachable: (202, "Base.1.8.GeneralError"),
        occupied: (400, "Base.1.8.ResourceInUse"),
        empty: (400, "Base.1.8.GeneralError"),
        nothing: Some(""),
        routes: &[
            (Route::Whole("/redfish/v1/Systems/DGX", "Cd"), false),
            (Route::Override("/redfish/v1/Systems/DGX/SD"), false),
            (Route::Whole("/redfish/v1/Systems/DGX/SD", "Cd"), true),
        ],
        on_when_on: (204, ""),
    },
    Row {
        personality: Personality::OpenBmc,
        vendor: None,
        oem: None,
        manager: "/redfish/v1/Managers/bmc",
        model: "OpenBmc",
        media: &[("/redfish/v1/Managers/bmc", &["Slot_0", "Slot_1", "Slot_2", "Slot_3"])],
        cd: "/redfish/v1/Managers/bmc/VirtualMedia/Slot_2",
        insert: Insert::Action,
        beside: &[],
        inserted: 204,
        unreachable: (500, "Base.1.18.1.InternalError"),
        occupied: (500, "Base.1.18.1.InternalError"),
        empty: (500, "Base.1.18.1.InternalError"),
        nothing: None,
        routes: &[(Route::Override("/redfish/v1/Systems/system"), true)],
        on_when_on: (200, "Base.1.18.1.Success"),
    },
    Row {
        personality: Personality::Gb200,
        vendor: Some("NVIDIA"),
        oem: None,
        manager: "/redfish/v1/Managers/BMC_0",
        model: "OpenBmc",
        media: &[("/redfish/v1/Managers/BMC_0", &["USB1", "USB2"])],
        cd: "/redfish/v1/Managers/BMC_0/VirtualMedia/USB1",
        insert: Insert::Action,
        beside: &[],
        inserted: 204,
        unreachable: (500, "Base.1.18.1.InternalError"),
        occupied: (500, "Base.1.18.1.InternalError"),
        empty: (500, "Base.1.18.1.InternalError"),
        nothing: None,
        routes: &[
            (Route::Override("/redfish/v1/Systems/System_0"), true),
            (Route::Override("/redfish/v1/Systems/System_0/Settings"), false),
        ],
        on_when_on: (200, "Base.1.18.1.Success"),
    },
    Row {
        personality: Personality::IrmcS4,
        vendor: None,
        oem: Some("ts_fujitsu"),
        manager: "/redfish/v1/Managers/iRMC",
        model: "iRMC S4",
        media: &[("/redfish/v1/Managers/iRMC", &[])],
        cd: "/redfish/v1/Systems/0/Oem/ts_fujitsu/VirtualMedia",
        insert: Insert::Connect("/redfish/v1/Systems/0"),
        beside: &[],
        inserted: 204,
        unreachable: (500, "Base.1.5.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.5.ActionParameterValueNotInList"),
        empty: (400, "Base.1.5.ActionParameterValueNotInList"),
        nothing: None,
        routes: &[(Route::Override("/redfish/v1/Systems/0"), true)],
        on_when_on: (400, "Base.1.5.ActionParameterValueNotInList"),
    },
    Row {
        personality: Personality::Irmc,
        vendor: None,
        oem: Some("ts_fujitsu"),
        manager: "/redfish/v1/Managers/iRMC",
        model: "iRMC S6",
        media: &[("/redfish/v1/Managers/iRMC", &["0", "1"])],
        cd: "/redfish/v1/Managers/iRMC/VirtualMedia/0",
        insert: Insert::Action,
        beside: &[("TransferProtocolType", "HTTP")],
        inserted: 204,
        unreachable: (500, "Base.1.18.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.15.ResourceInUse"),
        empty: (204, ""),
        nothing: None,
        routes: &[
            (Route::Override("/redfish/v1/Systems/0"), true),
            (Route::BootConfig("/redfish/v1/Systems/0/Oem/ts_fujitsu/BootConfig"), true),
        ],
        on_when_on: (400, "Base.1.18.ActionParameterValueNotInList"),
    },
    Row {
        personality: Personality::Ibmc,
        vendor: None,
        oem: Some("Huawei"),
        manager: "/redfish/v1/Managers/1",
        model: "iBMC",
        media: &[("/redfish/v1/Managers/1", &["CD", "USBStick"])],
        cd: IBMC_CD,
        insert: Insert::Control("Huawei"),
        beside: &[],
        inserted: 202,
        unreachable: (202, "iBMC.1.0.ConnectionFailed"),
        occupied: (400, "iBMC.1.0.ConnectionOccupied"),
        empty: (202, ""),
        nothing: None,
        routes: &[(Route::Override("/redfish/v1/Systems/1"), true)],
        on_when_on: (200, "Base.1.0.Success"),
    },
    Row {
        personality: Personality::Xfusion,
        vendor: None,
        oem: Some("xFusion"),
        manager: "/redfish/v1/Managers/1",
        model: "iBMC",
        media: &[("/redfish/v1/Systems/1", XFUSION_MEDIA), ("/redfish/v1/Managers/1", XFUSION_MEDIA)],
        cd: IBMC_CD,
        insert: Insert::Control("xFusion"),
        beside: &[],
        inserted: 202,
        unreachable: (202, "iBMC.1.0.ConnectionFailed"),
        occupied: (202, "iBMC.1.0.ConnectionOccupied"),
        empty: (202, ""),
        nothing: None,
        routes: &[(Route::Override("/redfish/v1/Systems/1"), true)],
        on_when_on: (200, "Base.1.0.Success"),
    },
    Row {
        personality: Personality::Hdm,
        vendor: Some("H3C"),
        oem: Some("Public"),
        manager: "/redfish/v1/Managers/1",
        model: "HDM",
        media: &[("/redfish/v1/Managers/1", &["CD"])],
        cd: IBMC_CD,
        insert: Insert::Control("Public"),
        beside: &[],
        inserted: 202,
        unreachable: (202, "Base.1.0.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.0.ResourceInUse"),
        empty: (202, ""),
        nothing: None,
        routes: &[
            (Route::Override("/redfish/v1/Systems/1"), false),
            (Route::Whole("/redfish/v1/Systems/1", "Cd"), true),
        ],
        on_when_on: (200, "Base.1.0.Success"),
    },
    Row {
        personality: Personality::InspurM6,
        vendor: Some("Inspur"),
        oem: None,
        manager: "/redfish/v1/Managers/BMC",
        model: "BMC",
        media: &[("/redfish/v1/Managers/BMC", &["CD"])],
        cd: "/redfish/v1/Managers/BMC/VirtualMedia/CD",
        insert: Insert::Action,
        beside: &[("TransferProtocolType", "NFS")],
        inserted: 204,
        unreachable: (500, "Base.1.15.ResourceAtUriUnauthorized"),
        occupied: (400, "Base.1.15.ResourceInUse"),
        empty: (204, ""),
        nothing: None,
        routes: &[(Route::Override("/redfish/v1/Systems/1"), true)],
        on_when_on: (204, ""),
    },
];

impl Row {
    async fn start(&self, fleet: &Fleet) -> (Bmc, Redfish) {
        let bmc = fleet.add(self.personality).await.unwrap();
        bmc.set_media_enabled(true);
        let redfish = Redfish::new(&bmc);
        (bmc, redfish)
    }

    /// Status of an insert, and the id of what it or its task was refused for.
    async fn insert(&self, redfish: &Redfish, url: &str) -> (u16, String) {
        let mut body = json!({"Image": url});
        for (name, value) in self.beside {
            body[name] = json!(value);
        }
        let answer = match self.insert {
            Insert::Action => redfish.post(&format!("{}/Actions/VirtualMedia.InsertMedia", self.cd), body).await,
            Insert::Patch => redfish.patch_any(self.cd, body).await,
            Insert::PatchInserted => redfish.patch_any(self.cd, json!({"Image": url, "Inserted": true})).await,
            Insert::Config(config) => {
                let (host, path) = url.split_at(url.rfind('/').unwrap());
                redfish.patch_any(config, json!({"Host": host, "Path": path})).await;
                redfish.post(&format!("{config}/Actions/IsoConfig.Mount"), json!({})).await
            }
            Insert::Control(key) => {
                redfish.post(&self.control(key), json!({"VmmControlType": "Connect", "Image": url})).await
            }
            Insert::Connect(system) => {
                let (share, name) = url.rsplit_once('/').unwrap();
                let (kind, share) = share.split_once("://").unwrap();
                let (server, share) = share.split_once('/').unwrap_or((share, ""));
                let image = json!({"Server": server, "ShareType": kind.to_uppercase(),
                    "ShareName": format!("/{share}"), "ImageName": name});
                redfish.patch_any(self.cd, json!({"CDImage": image})).await;
                self.connect(redfish, system, "ConnectCD").await
            }
        };
        self.ended(redfish, answer).await
    }

    async fn eject(&self, redfish: &Redfish) -> (u16, String) {
        let answer = match self.insert {
            Insert::Action => redfish.post(&format!("{}/Actions/VirtualMedia.EjectMedia", self.cd), json!({})).await,
            Insert::Patch | Insert::PatchInserted => redfish.patch_any(self.cd, json!({"Image": null})).await,
            Insert::Config(config) => redfish.post(&format!("{config}/Actions/IsoConfig.UnMount"), json!({})).await,
            Insert::Control(key) => redfish.post(&self.control(key), json!({"VmmControlType": "Disconnect"})).await,
            Insert::Connect(system) => self.connect(redfish, system, "DisconnectCD").await,
        };
        self.ended(redfish, answer).await
    }

    async fn connect(&self, redfish: &Redfish, system: &str, value: &str) -> common::Answer {
        let action = format!("{system}/Actions/Oem/FTSComputerSystem.VirtualMedia");
        redfish.post(&action, json!({"VirtualMediaAction": value})).await
    }

    /// What the drive shows: whether it is inserted, and the image.
    async fn shown(&self, redfish: &Redfish) -> (Value, Value) {
        let member = redfish.get(self.cd).await.body;
        let Insert::Connect(system) = self.insert else { return (member["Inserted"].clone(), member["Image"].clone()) };
        let action = redfish.get(system).await.body["Actions"]["Oem"]["#FTSComputerSystem.VirtualMedia"].clone();
        if action["VirtualMediaAction@Redfish.AllowableValues"] != json!(["DisconnectCD"]) {
            return (json!(false), Value::Null);
        }
        let part = |name: &str| member["CDImage"][name].as_str().unwrap().to_owned();
        let share = part("ShareName").trim_matches('/').to_owned();
        let path = if share.is_empty() { part("ImageName") } else { format!("{share}/{}", part("ImageName")) };
        let image = format!("{}://{}/{path}", part("ShareType").to_lowercase(), part("Server"));
        (json!(true), json!(image))
    }

    fn control(&self, key: &str) -> String {
        format!("{}/Oem/{key}/Actions/VirtualMedia.VmmControl", self.cd)
    }

    /// Status and id of an answer; of its task, once that has ended, where it has one. The member is read as often as it is
    /// behind.
    async fn ended(&self, redfish: &Redfish, answer: common::Answer) -> (u16, String) {
        let mut ended_as = answer.message_id().to_owned();
        if answer.status == 202 {
            let ended = |state: &State| state.tasks.iter().all(|task| ["Completed", "Exception"].contains(&task.state));
            let failure = until(&redfish.bmc, ended).await.tasks.last().and_then(|task| task.failure.clone());
            ended_as = failure.unwrap_or_default();
        }
        for _ in 0..self.personality.profile().media.late_reads {
            redfish.get(self.cd).await;
        }
        (answer.status, ended_as)
    }

    async fn boot_once(&self, redfish: &Redfish, route: Route) -> common::Answer {
        match route {
            Route::Override(path) => {
                let boot = json!({"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Cd"}});
                redfish.patch_any(path, boot).await
            }
            Route::Whole(path, target) => {
                let boot = json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": target,
                    "BootSourceOverrideMode": "UEFI"});
                redfish.patch_any(path, json!({"Boot": boot})).await
            }
            Route::Attributes(path) => {
                let wanted = json!({"ServerBoot.1.BootOnce": "Enabled", "ServerBoot.1.FirstBootDevice": "VCD-DVD"});
                redfish.patch_any(&format!("{DELL_MANAGER}/{path}"), json!({"Attributes": wanted})).await
            }
            Route::Import(target) => {
                let buffer = "<SystemConfiguration><Component FQDD=\"iDRAC.Embedded.1\">\
                    <Attribute Name=\"ServerBoot.1#BootOnce\">Enabled</Attribute>\
                    <Attribute Name=\"ServerBoot.1#FirstBootDevice\">VCD-DVD</Attribute>\
                    </Component></SystemConfiguration>";
                let body = json!({"ShareParameters": {"Target": ["ALL"]}, "ImportBuffer": buffer});
                let answer = redfish.post(&format!("{DELL_MANAGER}/Actions/Oem/{target}"), body).await;
                if answer.status == 202 {
                    until(&redfish.bmc, |state| state.tasks.iter().all(|task| task.state == "Completed")).await;
                }
                answer
            }
            Route::BootConfig(path) => {
                redfish.patch_any(path, json!({"BootDevice": "Cd", "NextBootOnlyEnabled": true})).await
            }
            Route::NextReset(key) => {
                redfish.patch_any(self.cd, json!({"Oem": {key: {"BootOnNextServerReset": true}}})).await
            }
        }
    }
}

fn ids(collection: &Value) -> Vec<String> {
    let members = collection["Members"].as_array().unwrap().iter();
    members
        .map(|member| {
            member["@odata.id"].as_str().unwrap().trim_end_matches('/').rsplit('/').next().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn the_table_has_every_personality() {
    let personalities: Vec<Personality> = ROWS.iter().map(|row| row.personality).collect();
    assert_eq!(personalities, Personality::ALL);
}

#[tokio::test]
async fn each_says_who_it_is_and_where_its_media_is() {
    let fleet = Fleet::start().await.unwrap();
    for row in ROWS {
        let who = row.personality;
        let (_, redfish) = row.start(&fleet).await;
        let root = redfish.get("/redfish/v1/").await.body;
        assert_eq!(root["Vendor"].as_str(), row.vendor, "{who}");
        assert_eq!(root["Oem"].as_object().and_then(|oem| oem.keys().next()).map(String::as_str), row.oem, "{who}");
        assert_eq!(redfish.get(row.manager).await.body["Model"], json!(row.model), "{who}");
        for (parent, members) in row.media {
            let link = redfish.get(parent).await.body["VirtualMedia"]["@odata.id"].as_str().unwrap().to_owned();
            assert_eq!(ids(&redfish.get(&link).await.body), *members, "{who}");
        }
        let linked = [row.manager, "/redfish/v1/Systems/1", DELL_SYSTEM].into_iter();
        for other in linked.filter(|path| row.media.iter().all(|(parent, _)| parent != path)) {
            assert!(redfish.get(other).await.body["VirtualMedia"].is_null(), "{who}: {other}");
        }
    }
}

#[tokio::test]
async fn each_inserts_and_ejects_in_its_own_words() {
    let fleet = Fleet::start().await.unwrap();
    let images = Images::start().await;
    for row in ROWS {
        let who = row.personality;
        let (bmc, redfish) = row.start(&fleet).await;
        let is = |(status, id): (u16, &str)| (status, id.to_owned());
        let image = images.url_for(&bmc);

        assert_eq!(row.shown(&redfish).await.1.as_str(), row.nothing, "{who}");
        assert_eq!(row.eject(&redfish).await, is(row.empty), "{who}");
        bmc.fail_inserts(1);
        assert_eq!(row.insert(&redfish, &image).await, is(row.unreachable), "{who}");
        assert_eq!(row.insert(&redfish, &image).await.0, row.inserted, "{who}");
        assert_eq!(row.shown(&redfish).await, (json!(true), json!(image)), "{who}");
        assert_eq!(row.insert(&redfish, &image).await, is(row.occupied), "{who}");
        assert_eq!(row.eject(&redfish).await.0, row.inserted, "{who}");
        assert_eq!(bmc.state().slots.iter().filter(|slot| slot.inserted).count(), 0, "{who}");
    }
}

#[tokio::test]
async fn each_boots_the_image_once_by_the_routes_that_are_its_own() {
    let fleet = Fleet::start().await.unwrap();
    let images = Images::start().await;
    for row in ROWS {
        for (route, boots) in row.routes {
            let case = format!("{} by {route:?}", row.personality);
            let (bmc, redfish) = row.start(&fleet).await;
            assert_eq!(row.insert(&redfish, &images.url_for(&bmc)).await.0, row.inserted, "{case}");
            row.boot_once(&redfish, *route).await;
            let reset = format!("{}/Actions/ComputerSystem.Reset", system_path(&redfish).await);
            redfish.post(&reset, json!({"ResetType": "On"})).await;
            let state = until(&bmc, |state| state.boots.len() == 1).await;
            let image = Some(images.url_for(&bmc));
            let expected = Boot { device: Device::VirtualCd, image };
            assert_eq!(state.boots[0] == expected, *boots, "{case}: {:?}", state.boots);
            redfish.post(&reset, json!({"ResetType": "ForceRestart"})).await;
            let state = until(&bmc, |state| state.boots.len() == 2).await;
            assert_eq!(state.boots[1].device, Device::Disk, "{case}");
        }
    }
}

#[tokio::test]
async fn each_answers_on_when_on_in_its_own_words() {
    let fleet = Fleet::start().await.unwrap();
    for row in ROWS {
        let (bmc, redfish) = row.start(&fleet).await;
        bmc.set_power(true);
        let reset = format!("{}/Actions/ComputerSystem.Reset", system_path(&redfish).await);
        let answer = redfish.post(&reset, json!({"ResetType": "On"})).await;
        assert_eq!((answer.status, answer.message_id()), row.on_when_on, "{}", row.personality);
        assert_eq!(bmc.state().boots, []);
    }
}
