//! Roles, and the permissions that the domains declare for them.

platform::text_enum! {
    /// What a person or a program is here for (RULES 4.13). Several roles unite.
    pub enum Role {
        Admin = "admin",
        /// 总经理
        GeneralManager = "general_manager",
        /// 销售总部
        SalesDirector = "sales_director",
        /// 销售经理
        SalesManager = "sales_manager",
        /// 销售员
        Salesperson = "salesperson",
        /// 销售内勤
        BackOffice = "back_office",
        /// 财务
        Finance = "finance",
        /// 信用管理
        CreditController = "credit_controller",
        /// 质量
        Quality = "quality",
        /// 人事
        Hr = "hr",
        /// A program that keeps another system in step
        Erp = "erp",
        /// A program that pulls reports
        Reporter = "reporter",
    }
}

impl Role {
    /// Whose rows are not limited by reach (API.md "Who sees what").
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

    /// Who sees all customers, orders, invoices and payments.
    pub fn sees_accounts(self) -> bool {
        self.sees_everything() || matches!(self, Self::Finance | Self::CreditController)
    }

    /// Who sees customers without an owner, the pool 公海.
    pub fn sees_pool(self) -> bool {
        self == Self::SalesManager
    }
}

/// A right that a handler can ask for in its signature: `caller: Can<ReadVisits>`.
pub trait Permission {
    /// As the documents call it: `read_visits`.
    const NAME: &'static str;
    const ROLES: &'static [Role];
}

/// Declares a domain's permissions: `permissions! { ReadVisits: SalesManager | Salesperson; }`.
/// `PERMISSIONS` lists them, for `GET /me` and the table of who may do what.
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
        pub const PERMISSIONS: &[(&str, &[$crate::Role])] = &[
            $((
                <$permission as $crate::Permission>::NAME,
                <$permission as $crate::Permission>::ROLES,
            )),*
        ];
    };
}
