//! The operations on payments.

use intake::Body;
use platform::{Json, Routes};

use super::batch::PaymentBatch;
use super::{NewPayment, Payment, PaymentFilter, PaymentPage, PaymentReversal};
use crate::source::DocumentUse;
use crate::{ImportPayments, ReadPayments, WritePayments};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_payments,
        create_payment,
        import_payments,
        read_payment,
        allocate_payment,
        reverse_payment,
        list_payment_history,
    );
}

access::list! {
    /// List payments
    ///
    /// Returns the payments of your customers and those for invoices of your own sales. Managers also
    /// see those of their teams, finance sees all.
    list_payments: "/payments", ReadPayments, Payment by PaymentFilter -> PaymentPage,
    "A page of payments"
}

access::create! {
    /// Create a payment
    ///
    /// The part that is not allocated to invoices remains an unapplied receipt, 预收.
    create_payment: "/payments", WritePayments, Body<NewPayment> -> Payment, "The new payment",
    409: "`customer_merged`, `duplicate`",
    422: "`above_open_amount`, `above_unapplied`, `no_exchange_rate`"
}

intake::import! {
    /// Import payments from an ERP
    ///
    /// `allocations` are replaced as a whole: an allocation missing from the list is deleted. To
    /// reverse a payment, send `reversed_on`.
    import_payments: "/payments/batch", ImportPayments, Payment from PaymentBatch
}

access::read! {
    /// Read a payment
    ///
    /// Returns a payment with its allocations.
    read_payment: "/payments/{id}", ReadPayments -> Payment, "The payment"
}

access::action! {
    /// Allocate a payment to invoices
    ///
    /// 核销. Allocates the payment to the given invoices, or to the oldest ones first. The invoices must
    /// be of the same customer and currency. An allocation cannot exceed the open amount of the invoice
    /// or the unallocated amount of the payment.
    allocate_payment: "/payments/{id}/allocate", WritePayments, to: Body<DocumentUse>
    -> Payment by allocate(&to),
    "The payment",
    409: "`already_reversed`, `post_dated`",
    422: "`above_open_amount`, `above_unapplied`"
}

access::action! {
    /// Reverse a payment
    ///
    /// For example when a cheque bounces. Its allocations are reversed, so that the invoices are open
    /// again from that day on. Only the ERP can reverse an imported payment, otherwise 409
    /// `field_not_owned`.
    reverse_payment: "/payments/{id}/reverse", WritePayments, why: Json<PaymentReversal>
    -> Payment by reverse(&why),
    "The payment",
    409: "`already_reversed`"
}

access::history! {
    /// List the history of a payment
    ///
    /// Returns the changes, the latest first.
    list_payment_history: "/payments/{id}/history", ReadPayments, Payment
}
