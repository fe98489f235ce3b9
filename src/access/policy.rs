//! Roles, and the permissions that the domains declare for them.

use uuid::Uuid;

platform::text_enum! {
    /// The role of a user or API client. Several roles add up
    pub enum Role {
        /// Administrator
        Admin = "admin",
        /// General manager, 总经理
        GeneralManager = "general_manager",
        /// Sales director, 销售总部
        SalesDirector = "sales_director",
        /// Sales manager, 销售经理
        SalesManager = "sales_manager",
        /// Salesperson, 销售员
        Salesperson = "salesperson",
        /// Sales back office, 销售内勤
        BackOffice = "back_office",
        /// Finance, 财务
        Finance = "finance",
        /// Credit control, 信用管理
        CreditController = "credit_controller",
        /// Quality, 质量
        Quality = "quality",
        /// Human resources, 人事
        Hr = "hr",
        /// A program that keeps an ERP in sync
        Erp = "erp",
        /// A program that reads reports
        Reporter = "reporter",
    }
}

impl Role {
    /// Returns `true` for roles that see the rows of all owners.
    pub fn sees_everything(self) -> bool {
        matches!(
            self,
            Self::Admin
                | Self::GeneralManager
                | Self::SalesDirector
                | Self::BackOffice
                | Self::Erp
                | Self::Reporter
        )
    }

    /// The id that stands for users with the role in an array of viewers. It is stored: the begin of
    /// the name after two bytes that no other id has.
    pub fn id(self) -> Uuid {
        let mut bytes = [0xff; 16];
        let text = self.as_str().bytes();
        bytes[2..].iter_mut().zip(text).for_each(|(byte, letter)| *byte = letter);
        Uuid::from_bytes(bytes)
    }

    /// Returns `true` for roles that see all customers, orders, invoices and payments.
    pub fn sees_accounts(self) -> bool {
        self.sees_everything() || matches!(self, Self::Finance | Self::CreditController)
    }

    /// Returns `true` for roles with a limited scope that also see customers without an owner, the
    /// pool 公海.
    pub fn sees_pool(self) -> bool {
        self == Self::SalesManager
    }
}

/// A permission that a handler requires in its signature: `caller: Can<ReadVisits>`.
pub trait Permission {
    /// The name of the type, such as `ReadVisits`. `GET /me` shows it as `read_visits`.
    const NAME: &'static str;
    const ROLES: &'static [Role];
}

/// Permissions, each with the roles that hold it.
pub type PermissionTable = &'static [(&'static str, &'static [Role])];

/// Declares a domain's permissions: `permissions! { ReadVisits: SalesManager | Salesperson; }`.
/// `PERMISSIONS` lists them, for `GET /me` and the table of permissions.
#[macro_export]
macro_rules! permissions {
    ($($(#[$meta:meta])* $permission:ident: $($role:ident)|+;)*) => {
        $(
            $(#[$meta])*
            pub struct $permission;
            impl $crate::Permission for $permission {
                const NAME: &'static str = stringify!($permission);
                const ROLES: &'static [$crate::Role] = &[$($crate::Role::$role),+];
            }
        )*

        /// The permissions of this domain with the roles that hold them.
        pub const PERMISSIONS: $crate::PermissionTable = &[
            $((
                <$permission as $crate::Permission>::NAME,
                <$permission as $crate::Permission>::ROLES,
            )),*
        ];
    };
}
