// @generated automatically by Diesel CLI.

diesel::table! {
    allocations (id) {
        id -> Uuid,
        invoice_id -> Uuid,
        payment_id -> Nullable<Uuid>,
        credit_note_id -> Nullable<Uuid>,
        write_off_id -> Nullable<Uuid>,
        amount -> Numeric,
        allocated_on -> Date,
        reversed_on -> Nullable<Date>,
    }
}

diesel::table! {
    api_clients (id) {
        id -> Uuid,
        version -> Int8,
        name -> Text,
        client_id -> Text,
        secret_hash -> Bytea,
        roles -> Array<Text>,
        source_system -> Nullable<Text>,
        active -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        secret_id -> Uuid,
    }
}

diesel::table! {
    attachment_blobs (id) {
        id -> Uuid,
        sha256 -> Text,
        stored -> Bool,
        unused_since -> Nullable<Timestamptz>,
        doomed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    attachment_links (attachment_id, type_, resource_id) {
        attachment_id -> Uuid,
        #[sql_name = "type"]
        type_ -> Text,
        resource_id -> Uuid,
    }
}

diesel::table! {
    attachments (id) {
        id -> Uuid,
        version -> Int8,
        name -> Text,
        content_type -> Text,
        size -> Int8,
        sha256 -> Text,
        width -> Nullable<Int4>,
        height -> Nullable<Int4>,
        thumbnail -> Bool,
        uploaded_by -> Uuid,
        expires_at -> Nullable<Timestamptz>,
        blob_id -> Uuid,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    cashflow_advice (id) {
        id -> Uuid,
        version -> Int8,
        visit_id -> Uuid,
        author_id -> Uuid,
        topic -> Text,
        advice -> Text,
        agreed -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    changes (xid, seq, at) {
        xid -> Int8,
        seq -> Int8,
        event_id -> Uuid,
        #[sql_name = "type"]
        type_ -> Text,
        id -> Uuid,
        version -> Int8,
        op -> Text,
        at -> Timestamptz,
        by -> Uuid,
        data -> Json,
        diff -> Json,
        seen_by -> Array<Uuid>,
        seen_before -> Array<Uuid>,
    }
}

diesel::table! {
    coaching_notes (id) {
        id -> Uuid,
        visit_id -> Uuid,
        author_id -> Uuid,
        text -> Text,
        score -> Nullable<Int2>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    collection_tasks (id) {
        id -> Uuid,
        version -> Int8,
        invoice_id -> Uuid,
        customer_id -> Uuid,
        assignee_id -> Nullable<Uuid>,
        step -> Text,
        due_on -> Date,
        invoice_due_on -> Date,
        currency -> Text,
        amount -> Numeric,
        status -> Text,
        channel -> Nullable<Text>,
        result -> Nullable<Text>,
        note -> Nullable<Text>,
        done_by -> Nullable<Uuid>,
        ended_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    company (singleton) {
        singleton -> Bool,
        id -> Uuid,
        version -> Int8,
        name -> Text,
        currency -> Text,
        time_zone -> Text,
        language -> Text,
        settings -> Jsonb,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        coordinate_system -> Text,
    }
}

diesel::table! {
    complaint_clocks (complaint_id) {
        complaint_id -> Uuid,
        occurred_at -> Timestamptz,
        received_at -> Timestamptz,
        sla_started_at -> Timestamptz,
        first_response_due -> Timestamptz,
        first_response_at -> Nullable<Timestamptz>,
        interim_due -> Nullable<Timestamptz>,
        interim_at -> Nullable<Timestamptz>,
        resolve_started_at -> Timestamptz,
        resolve_due -> Timestamptz,
        resolved_at -> Nullable<Timestamptz>,
        closed_at -> Nullable<Timestamptz>,
        reopened_at -> Nullable<Timestamptz>,
        paused_since -> Nullable<Timestamptz>,
        pauses -> Jsonb,
        paused_minutes -> Int8,
        first_response_breached -> Bool,
        interim_breached -> Bool,
        resolve_breached -> Bool,
        escalation_level -> Int2,
        escalation_reason -> Nullable<Text>,
        escalated_at -> Nullable<Timestamptz>,
        halved -> Bool,
        ended_at -> Nullable<Timestamptz>,
        next_check_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    complaint_filing_years (year) {
        year -> Int2,
        last -> Int4,
    }
}

diesel::table! {
    complaint_proposals (id) {
        id -> Uuid,
        complaint_id -> Uuid,
        text -> Text,
        cost -> Nullable<Numeric>,
        currency -> Nullable<Text>,
        customer_informed -> Bool,
        by -> Uuid,
        at -> Timestamptz,
    }
}

diesel::table! {
    complaint_settlements (complaint_id) {
        complaint_id -> Uuid,
        resolution_mode -> Nullable<Text>,
        resolution -> Nullable<Text>,
        root_cause -> Nullable<Text>,
        compensation_amount -> Nullable<Numeric>,
        compensation_currency -> Nullable<Text>,
        filing_due -> Timestamptz,
        filed_no -> Nullable<Text>,
        filed_by -> Nullable<Uuid>,
        filed_at -> Nullable<Timestamptz>,
        customer_informed -> Bool,
        customer_confirmed_by -> Nullable<Text>,
        customer_confirmed_at -> Nullable<Timestamptz>,
        follow_up_call_at -> Nullable<Timestamptz>,
        satisfaction -> Nullable<Int2>,
    }
}

diesel::table! {
    complaints (id) {
        id -> Uuid,
        version -> Int8,
        number -> Text,
        customer_id -> Uuid,
        contact_id -> Nullable<Uuid>,
        channel -> Text,
        visit_id -> Nullable<Uuid>,
        category -> Text,
        severity -> Text,
        product_id -> Nullable<Uuid>,
        product_not_sold -> Bool,
        asset_id -> Nullable<Uuid>,
        order_id -> Nullable<Uuid>,
        batch_no -> Nullable<Text>,
        description -> Text,
        attachment_ids -> Array<Uuid>,
        status -> Text,
        status_reason -> Nullable<Text>,
        reporter_id -> Nullable<Uuid>,
        owner_id -> Nullable<Uuid>,
        about_user_id -> Nullable<Uuid>,
        repeat_of_id -> Nullable<Uuid>,
        reopenings -> Int2,
        dispatched_at -> Nullable<Timestamptz>,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    contacts (id) {
        id -> Uuid,
        version -> Int8,
        customer_id -> Uuid,
        name -> Text,
        title -> Nullable<Text>,
        phone -> Nullable<Text>,
        email -> Nullable<Text>,
        birth_year -> Nullable<Int2>,
        personality -> Nullable<Text>,
        hobbies -> Nullable<Array<Text>>,
        influence -> Nullable<Int2>,
        is_primary -> Bool,
        erased_at -> Nullable<Timestamptz>,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        search -> Nullable<Text>,
        grams -> Nullable<Array<Text>>,
        addresses -> Nullable<Array<Text>>,
    }
}

diesel::table! {
    control_balances (id) {
        id -> Uuid,
        version -> Int8,
        customer_id -> Nullable<Uuid>,
        as_of -> Date,
        currency -> Text,
        amount -> Numeric,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    credit_investigations (id) {
        id -> Uuid,
        version -> Int8,
        customer_id -> Uuid,
        status -> Text,
        reason -> Text,
        requested_by -> Uuid,
        investigator_id -> Nullable<Uuid>,
        sources -> Array<Text>,
        registered_capital -> Nullable<Numeric>,
        lawsuits -> Nullable<Text>,
        payment_history -> Nullable<Text>,
        score -> Nullable<Int2>,
        recommended_limit -> Nullable<Numeric>,
        concluded_on -> Nullable<Date>,
        valid_until -> Nullable<Date>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    credit_overrides (id) {
        id -> Uuid,
        version -> Int8,
        customer_id -> Uuid,
        amount -> Numeric,
        reason -> Text,
        expires_at -> Timestamptz,
        created_by -> Uuid,
        revoked_at -> Nullable<Timestamptz>,
        revoked_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    customer_credits (id) {
        id -> Uuid,
        version -> Int8,
        credit_limit -> Nullable<Numeric>,
        tolerance_percent -> Numeric,
        max_overdue_days -> Nullable<Int4>,
        hold -> Bool,
        hold_reason -> Nullable<Text>,
        valid_until -> Nullable<Date>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    customer_merges (id) {
        id -> Uuid,
        winner_id -> Uuid,
        loser_id -> Uuid,
        moved -> Array<Uuid>,
        primary_contact_id -> Nullable<Uuid>,
        merged_at -> Timestamptz,
        undone_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    customer_transfers (id) {
        id -> Uuid,
        customer_id -> Uuid,
        from_owner_id -> Nullable<Uuid>,
        to_owner_id -> Nullable<Uuid>,
        reason -> Text,
        effective_on -> Date,
        requested_at -> Timestamptz,
        requested_by -> Uuid,
        applied_at -> Nullable<Timestamptz>,
        cancelled_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    customers (id) {
        id -> Uuid,
        version -> Int8,
        code -> Text,
        name -> Text,
        kind -> Text,
        status -> Text,
        status_reason -> Nullable<Text>,
        owner_id -> Nullable<Uuid>,
        territory_id -> Nullable<Uuid>,
        region -> Nullable<Text>,
        city -> Nullable<Text>,
        address -> Nullable<Text>,
        latitude -> Nullable<Float8>,
        longitude -> Nullable<Float8>,
        phone -> Nullable<Text>,
        industry -> Nullable<Text>,
        tier -> Nullable<Text>,
        merged_into_id -> Nullable<Uuid>,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        name_pinyin -> Text,
        name_key -> Text,
        search -> Text,
        grams -> Array<Text>,
        code_key -> Nullable<Text>,
        phones -> Nullable<Array<Text>>,
        sent_coordinate_system -> Nullable<Text>,
        sent_latitude -> Nullable<Float8>,
        sent_longitude -> Nullable<Float8>,
    }
}

diesel::table! {
    directory (id) {
        id -> Bool,
        version -> Int8,
        ended -> Int8,
    }
}

diesel::table! {
    exchange_rates (id) {
        id -> Uuid,
        version -> Int8,
        from_currency -> Text,
        to_currency -> Text,
        valid_on -> Date,
        rate -> Numeric,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    feed_epoch (id) {
        id -> Bool,
        epoch -> Uuid,
        server -> Text,
        xid -> Int8,
    }
}

diesel::table! {
    follow_ups (id) {
        id -> Uuid,
        version -> Int8,
        customer_id -> Uuid,
        assignee_id -> Uuid,
        assigned_by -> Uuid,
        source -> Text,
        source_id -> Nullable<Uuid>,
        instruction -> Text,
        status -> Text,
        due_at -> Timestamptz,
        extended_from -> Nullable<Timestamptz>,
        result -> Nullable<Text>,
        submitted_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        reason -> Nullable<Text>,
        escalated_at -> Nullable<Timestamptz>,
        attachment_ids -> Array<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    holidays (id) {
        id -> Uuid,
        version -> Int8,
        date -> Date,
        kind -> Text,
        name -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    idempotency_keys (actor_id, key) {
        actor_id -> Uuid,
        key -> Text,
        fingerprint -> Bytea,
        status -> Int2,
        etag -> Nullable<Text>,
        location -> Nullable<Text>,
        about -> Nullable<Uuid>,
        body -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    invoices (id) {
        id -> Uuid,
        version -> Int8,
        kind -> Text,
        number -> Text,
        customer_id -> Uuid,
        order_id -> Nullable<Uuid>,
        corrects_invoice_id -> Nullable<Uuid>,
        salesperson_id -> Nullable<Uuid>,
        invoice_date -> Date,
        due_date -> Date,
        currency -> Text,
        exchange_rate -> Numeric,
        amount -> Numeric,
        tax_amount -> Numeric,
        total_amount -> Numeric,
        disputed -> Bool,
        instalments -> Jsonb,
        status -> Text,
        status_reason -> Nullable<Text>,
        posted_on -> Nullable<Date>,
        cancelled_on -> Nullable<Date>,
        open_amount -> Numeric,
        closed_on -> Nullable<Date>,
        next_due_on -> Nullable<Date>,
        credit_exceeded -> Bool,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    jobs (name) {
        name -> Text,
        fence -> Int8,
        holder -> Nullable<Uuid>,
        lease_until -> Nullable<Timestamptz>,
        next_run_at -> Timestamptz,
        last_started_at -> Nullable<Timestamptz>,
        last_finished_at -> Nullable<Timestamptz>,
        last_effects -> Nullable<Int8>,
        last_error -> Nullable<Text>,
        runs -> Int8,
        failures -> Int8,
    }
}

diesel::table! {
    login_addresses (user_id, address) {
        user_id -> Uuid,
        address -> Text,
        seen_at -> Timestamptz,
    }
}

diesel::table! {
    memberships (id) {
        id -> Uuid,
        user_id -> Uuid,
        team_id -> Uuid,
        leads -> Bool,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
    }
}

diesel::table! {
    open_items (kind, source_id, part) {
        kind -> Text,
        source_id -> Uuid,
        customer_id -> Uuid,
        due_on -> Nullable<Date>,
        amount -> Numeric,
        part -> Int4,
    }
}

diesel::table! {
    object_numbers (type_, year) {
        #[sql_name = "type"]
        type_ -> Text,
        year -> Int4,
        last -> Int8,
    }
}

diesel::table! {
    object_type_versions (key, definition_version) {
        key -> Text,
        definition_version -> Int4,
        definition -> Jsonb,
        delivered -> Bool,
    }
}

diesel::table! {
    object_types (id) {
        id -> Uuid,
        version -> Int8,
        key -> Text,
        built_in -> Bool,
        active -> Bool,
        definition_version -> Int4,
        definition -> Jsonb,
        readers -> Array<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    objects (id) {
        id -> Uuid,
        version -> Int8,
        #[sql_name = "type"]
        type_ -> Text,
        definition_version -> Int4,
        number -> Text,
        status -> Text,
        author_id -> Uuid,
        owner_id -> Uuid,
        customer_id -> Nullable<Uuid>,
        by_customer -> Bool,
        viewer_ids -> Array<Uuid>,
        fields -> Jsonb,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    opportunities (id) {
        id -> Uuid,
        version -> Int8,
        customer_id -> Uuid,
        category -> Nullable<Text>,
        product_id -> Nullable<Uuid>,
        potential_amount -> Nullable<Numeric>,
        next_step -> Text,
        next_step_on -> Date,
        owner_id -> Uuid,
        status -> Text,
        reason -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    order_lines (order_id, line_number) {
        order_id -> Uuid,
        line_number -> Int4,
        product_id -> Nullable<Uuid>,
        description -> Nullable<Text>,
        quantity -> Numeric,
        unit_price -> Numeric,
        discount_percent -> Numeric,
        amount -> Numeric,
    }
}

diesel::table! {
    orders (id) {
        id -> Uuid,
        version -> Int8,
        number -> Text,
        customer_id -> Uuid,
        credits -> Jsonb,
        credited -> Array<Uuid>,
        team_path -> Array<Uuid>,
        territory_id -> Nullable<Uuid>,
        channel -> Nullable<Text>,
        order_date -> Date,
        confirmed_on -> Nullable<Date>,
        cancelled_on -> Nullable<Date>,
        due_date -> Nullable<Date>,
        shipped_on -> Nullable<Date>,
        currency -> Text,
        exchange_rate -> Numeric,
        status -> Text,
        status_reason -> Nullable<Text>,
        amount -> Numeric,
        tax_amount -> Numeric,
        freight_amount -> Numeric,
        total_amount -> Numeric,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        fulfilment_status -> Text,
        billing_status -> Text,
        payment_status -> Text,
        credit_exceeded -> Bool,
        invoiced_amount -> Numeric,
        taken_here -> Bool,
    }
}

diesel::table! {
    payments (id) {
        id -> Uuid,
        version -> Int8,
        number -> Text,
        customer_id -> Uuid,
        received_on -> Date,
        currency -> Text,
        exchange_rate -> Numeric,
        amount -> Numeric,
        method -> Text,
        note -> Nullable<Text>,
        reversed_on -> Nullable<Date>,
        reversal_reason -> Nullable<Text>,
        unapplied_amount -> Numeric,
        closed_on -> Nullable<Date>,
        recorded_on -> Date,
        credit_exceeded -> Bool,
        salesperson_ids -> Array<Uuid>,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    pending_items (id) {
        id -> Uuid,
        source_system -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        external_id -> Text,
        item -> Json,
        problem -> Nullable<Json>,
        parked_by -> Uuid,
        parked_at -> Timestamptz,
    }
}

diesel::table! {
    pending_references (item_id, type_, source_system, external_id) {
        item_id -> Uuid,
        #[sql_name = "type"]
        type_ -> Text,
        source_system -> Text,
        external_id -> Text,
    }
}

diesel::table! {
    products (id) {
        id -> Uuid,
        version -> Int8,
        code -> Text,
        name -> Text,
        name_pinyin -> Text,
        category -> Nullable<Text>,
        subcategory -> Nullable<Text>,
        unit -> Text,
        list_price -> Nullable<Numeric>,
        standard_cost -> Nullable<Numeric>,
        tax_rate -> Nullable<Numeric>,
        active -> Bool,
        prices -> Jsonb,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        code_key -> Nullable<Text>,
        search -> Nullable<Text>,
    }
}

diesel::table! {
    promises (id) {
        id -> Uuid,
        version -> Int8,
        customer_id -> Uuid,
        invoice_id -> Nullable<Uuid>,
        made_by -> Uuid,
        promised_on -> Date,
        due_on -> Date,
        currency -> Text,
        amount -> Numeric,
        status -> Text,
        received_amount -> Numeric,
        decided_on -> Nullable<Date>,
        note -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    refresh_tokens (hash) {
        hash -> Bytea,
        family_id -> Uuid,
        user_id -> Uuid,
        issued_at -> Timestamptz,
        expires_at -> Timestamptz,
        rotated_at -> Nullable<Timestamptz>,
        parent_hash -> Nullable<Bytea>,
    }
}

diesel::table! {
    risk_cases (id) {
        id -> Uuid,
        version -> Int8,
        customer_id -> Uuid,
        owner_id -> Uuid,
        trigger -> Text,
        amount -> Numeric,
        status -> Text,
        measure -> Nullable<Text>,
        measures -> Jsonb,
        note -> Nullable<Text>,
        recovered_amount -> Numeric,
        opened_on -> Date,
        closed_on -> Nullable<Date>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        merged_into_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    sales_entries (id) {
        id -> Int8,
        order_id -> Uuid,
        line_number -> Int4,
        kind -> Text,
        user_id -> Nullable<Uuid>,
        team_path -> Array<Uuid>,
        product_id -> Nullable<Uuid>,
        category -> Nullable<Text>,
        customer_id -> Uuid,
        territory_id -> Nullable<Uuid>,
        channel -> Nullable<Text>,
        region -> Nullable<Text>,
        booked_on -> Date,
        recorded_at -> Timestamptz,
        quantity -> Numeric,
        amount -> Numeric,
        line_amount -> Numeric,
        cost -> Nullable<Numeric>,
    }
}

diesel::table! {
    second_factors (user_id) {
        user_id -> Uuid,
        secret -> Nullable<Bytea>,
        pending -> Nullable<Bytea>,
        last_step -> Int8,
        recovery_codes -> Array<Bytea>,
        confirmed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    secrets (name) {
        name -> Text,
        value -> Bytea,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        user_id -> Uuid,
        address -> Text,
        user_agent -> Nullable<Text>,
        started_at -> Timestamptz,
        used_at -> Timestamptz,
        expires_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        ended_no -> Nullable<Int8>,
    }
}

diesel::table! {
    shipments (id) {
        id -> Uuid,
        version -> Int8,
        number -> Text,
        order_id -> Uuid,
        status -> Text,
        shipped_on -> Date,
        delivered_on -> Nullable<Date>,
        carrier -> Nullable<Text>,
        tracking_number -> Nullable<Text>,
        lines -> Jsonb,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        private_key -> Bytea,
        public_key -> Text,
        created_at -> Timestamptz,
        signs_from -> Timestamptz,
        retires_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    source_items (source_system, type_, external_id) {
        source_system -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        external_id -> Text,
        row_id -> Uuid,
        fields -> Bytea,
    }
}

diesel::table! {
    suggestions (id) {
        id -> Uuid,
        version -> Int8,
        customer_id -> Uuid,
        contact_id -> Nullable<Uuid>,
        visit_id -> Nullable<Uuid>,
        category -> Text,
        text -> Text,
        attachment_ids -> Array<Uuid>,
        reporter_id -> Nullable<Uuid>,
        status -> Text,
        answer -> Nullable<Text>,
        answered_by -> Nullable<Uuid>,
        answered_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    survey_invitations (id) {
        id -> Uuid,
        version -> Int8,
        survey_id -> Uuid,
        customer_id -> Uuid,
        contact_id -> Nullable<Uuid>,
        tier -> Nullable<Text>,
        region -> Nullable<Text>,
        invited_by -> Uuid,
        expires_at -> Timestamptz,
        answered_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        token_hash -> Bytea,
    }
}

diesel::table! {
    survey_responses (id) {
        id -> Uuid,
        version -> Int8,
        survey_id -> Uuid,
        invitation_id -> Uuid,
        customer_id -> Uuid,
        contact_id -> Nullable<Uuid>,
        tier -> Nullable<Text>,
        region -> Nullable<Text>,
        owner_id -> Nullable<Uuid>,
        language -> Text,
        answers -> Jsonb,
        score -> Nullable<Numeric>,
        nps -> Nullable<Int2>,
        low -> Bool,
        follow_up_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
    }
}

diesel::table! {
    surveys (id) {
        id -> Uuid,
        version -> Int8,
        title_zh -> Text,
        title_en -> Text,
        kind -> Text,
        questions -> Jsonb,
        link_days -> Int4,
        status -> Text,
        authored_by -> Uuid,
        opened_at -> Nullable<Timestamptz>,
        closed_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        dispatch_due_on -> Nullable<Date>,
        dispatched_at -> Nullable<Timestamptz>,
        dispatched_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    targets (id) {
        id -> Uuid,
        version -> Int8,
        owner_type -> Text,
        owner_id -> Nullable<Uuid>,
        channel -> Nullable<Text>,
        metric -> Text,
        level -> Text,
        dimension -> Nullable<Text>,
        dimension_value -> Nullable<Text>,
        period_type -> Text,
        period_start -> Date,
        period_end -> Date,
        value -> Numeric,
        currency -> Nullable<Text>,
        parent_id -> Nullable<Uuid>,
        status -> Text,
        reason -> Nullable<Text>,
        authored_by -> Uuid,
        approved_by -> Nullable<Uuid>,
        approved_at -> Nullable<Timestamptz>,
        closed_at -> Nullable<Timestamptz>,
        closed_actual -> Nullable<Numeric>,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    teams (id) {
        id -> Uuid,
        version -> Int8,
        code -> Nullable<Text>,
        name -> Text,
        parent_id -> Nullable<Uuid>,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        code_key -> Nullable<Text>,
        search -> Nullable<Text>,
    }
}

diesel::table! {
    terms_requests (id) {
        id -> Uuid,
        version -> Int8,
        customer_id -> Uuid,
        status -> Text,
        payment_days -> Int4,
        credit_limit -> Numeric,
        price_list -> Nullable<Text>,
        delivery_term -> Nullable<Text>,
        min_order_amount -> Nullable<Numeric>,
        returns_policy -> Nullable<Text>,
        deposit_percent -> Nullable<Numeric>,
        valid_from -> Date,
        reason -> Text,
        requested_by -> Uuid,
        investigation_id -> Nullable<Uuid>,
        decided_by -> Nullable<Uuid>,
        decided_at -> Nullable<Timestamptz>,
        decision_reason -> Nullable<Text>,
        applied_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    territories (id) {
        id -> Uuid,
        version -> Int8,
        code -> Nullable<Text>,
        name -> Text,
        parent_id -> Nullable<Uuid>,
        kind -> Nullable<Text>,
        holders -> Jsonb,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        code_key -> Nullable<Text>,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        version -> Int8,
        username -> Nullable<Text>,
        name -> Text,
        name_pinyin -> Text,
        email -> Nullable<Text>,
        phone -> Nullable<Text>,
        roles -> Array<Text>,
        team_id -> Nullable<Uuid>,
        leads_team -> Bool,
        employed_from -> Nullable<Date>,
        employed_to -> Nullable<Date>,
        active -> Bool,
        password_hash -> Nullable<Text>,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        password_set_by -> Nullable<Uuid>,
        username_key -> Nullable<Text>,
        search -> Nullable<Text>,
    }
}

diesel::table! {
    visit_checks (visit_id, user_id, kind) {
        visit_id -> Uuid,
        user_id -> Uuid,
        kind -> Text,
        open -> Bool,
        occurred_at -> Timestamptz,
        received_at -> Timestamptz,
        latitude -> Nullable<Float8>,
        longitude -> Nullable<Float8>,
        accuracy_m -> Nullable<Float8>,
        fix_age_s -> Nullable<Float8>,
        mock -> Bool,
        photo_id -> Nullable<Uuid>,
        distance_m -> Nullable<Int4>,
        geo_status -> Text,
        offline_delay_s -> Int4,
        sent_coordinate_system -> Nullable<Text>,
        sent_latitude -> Nullable<Float8>,
        sent_longitude -> Nullable<Float8>,
        overlapping -> Bool,
    }
}

diesel::table! {
    visits (id) {
        id -> Uuid,
        version -> Int8,
        owner_id -> Uuid,
        customer_id -> Uuid,
        contact_ids -> Array<Uuid>,
        participant_ids -> Array<Uuid>,
        visit_type -> Text,
        plan_source -> Text,
        planned_date -> Date,
        window_from -> Nullable<Timestamptz>,
        window_to -> Nullable<Timestamptz>,
        purpose -> Nullable<Text>,
        remote -> Bool,
        status -> Text,
        reason -> Nullable<Text>,
        rescheduled_from -> Nullable<Date>,
        outcome -> Nullable<Text>,
        refuse_reason -> Nullable<Text>,
        summary -> Nullable<Text>,
        next_action -> Nullable<Text>,
        next_visit_on -> Nullable<Date>,
        complaint_answer -> Nullable<Bool>,
        duration_min -> Nullable<Int4>,
        validity -> Nullable<Text>,
        approved_by -> Nullable<Uuid>,
        follow_up_id -> Nullable<Uuid>,
        attachment_ids -> Array<Uuid>,
        source_system -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        in_fence -> Bool,
    }
}

diesel::table! {
    webhook_deliveries (id) {
        id -> Uuid,
        webhook_id -> Uuid,
        event_id -> Uuid,
        #[sql_name = "type"]
        type_ -> Text,
        resource_id -> Uuid,
        xid -> Int8,
        seq -> Int8,
        at -> Timestamptz,
        status -> Text,
        attempts -> Int4,
        first_attempt_at -> Nullable<Timestamptz>,
        last_attempt_at -> Nullable<Timestamptz>,
        next_attempt_at -> Nullable<Timestamptz>,
        delivered_at -> Nullable<Timestamptz>,
        response_status -> Nullable<Int2>,
        error -> Nullable<Text>,
        created_at -> Timestamptz,
        duration_ms -> Nullable<Int4>,
    }
}

diesel::table! {
    webhook_positions (webhook_id) {
        webhook_id -> Uuid,
        epoch -> Uuid,
        xid -> Int8,
        seq -> Int8,
        fence -> Int8,
        holder -> Nullable<Uuid>,
        lease_until -> Nullable<Timestamptz>,
        read_at -> Timestamptz,
        missed_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    webhooks (id) {
        id -> Uuid,
        version -> Int8,
        url -> Text,
        description -> Nullable<Text>,
        types -> Array<Text>,
        active -> Bool,
        owner_id -> Uuid,
        secret -> Bytea,
        previous_secret -> Nullable<Bytea>,
        previous_until -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    write_off_requests (id) {
        id -> Uuid,
        version -> Int8,
        invoice_id -> Uuid,
        customer_id -> Uuid,
        risk_case_id -> Nullable<Uuid>,
        currency -> Text,
        amount -> Numeric,
        reason -> Text,
        requested_by -> Uuid,
        status -> Text,
        decided_by -> Nullable<Uuid>,
        decided_on -> Nullable<Date>,
        decision_note -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::joinable!(allocations -> payments (payment_id));
diesel::joinable!(allocations -> write_off_requests (write_off_id));
diesel::joinable!(attachment_links -> attachments (attachment_id));
diesel::joinable!(attachments -> attachment_blobs (blob_id));
diesel::joinable!(cashflow_advice -> users (author_id));
diesel::joinable!(cashflow_advice -> visits (visit_id));
diesel::joinable!(coaching_notes -> users (author_id));
diesel::joinable!(coaching_notes -> visits (visit_id));
diesel::joinable!(collection_tasks -> customers (customer_id));
diesel::joinable!(collection_tasks -> invoices (invoice_id));
diesel::joinable!(collection_tasks -> users (assignee_id));
diesel::joinable!(complaint_clocks -> complaints (complaint_id));
diesel::joinable!(complaint_proposals -> complaints (complaint_id));
diesel::joinable!(complaint_settlements -> complaints (complaint_id));
diesel::joinable!(complaints -> contacts (contact_id));
diesel::joinable!(complaints -> customers (customer_id));
diesel::joinable!(complaints -> orders (order_id));
diesel::joinable!(complaints -> products (product_id));
diesel::joinable!(complaints -> visits (visit_id));
diesel::joinable!(contacts -> customers (customer_id));
diesel::joinable!(control_balances -> customers (customer_id));
diesel::joinable!(credit_investigations -> customers (customer_id));
diesel::joinable!(credit_overrides -> customers (customer_id));
diesel::joinable!(customer_credits -> customers (id));
diesel::joinable!(customer_transfers -> customers (customer_id));
diesel::joinable!(customers -> territories (territory_id));
diesel::joinable!(customers -> users (owner_id));
diesel::joinable!(follow_ups -> customers (customer_id));
diesel::joinable!(follow_ups -> users (assignee_id));
diesel::joinable!(invoices -> customers (customer_id));
diesel::joinable!(invoices -> orders (order_id));
diesel::joinable!(invoices -> users (salesperson_id));
diesel::joinable!(login_addresses -> users (user_id));
diesel::joinable!(memberships -> teams (team_id));
diesel::joinable!(memberships -> users (user_id));
diesel::joinable!(open_items -> customers (customer_id));
diesel::joinable!(objects -> customers (customer_id));
diesel::joinable!(objects -> users (owner_id));
diesel::joinable!(opportunities -> customers (customer_id));
diesel::joinable!(opportunities -> products (product_id));
diesel::joinable!(opportunities -> users (owner_id));
diesel::joinable!(order_lines -> orders (order_id));
diesel::joinable!(order_lines -> products (product_id));
diesel::joinable!(orders -> customers (customer_id));
diesel::joinable!(orders -> territories (territory_id));
diesel::joinable!(payments -> customers (customer_id));
diesel::joinable!(pending_references -> pending_items (item_id));
diesel::joinable!(promises -> customers (customer_id));
diesel::joinable!(promises -> invoices (invoice_id));
diesel::joinable!(promises -> users (made_by));
diesel::joinable!(refresh_tokens -> sessions (family_id));
diesel::joinable!(refresh_tokens -> users (user_id));
diesel::joinable!(risk_cases -> customers (customer_id));
diesel::joinable!(risk_cases -> users (owner_id));
diesel::joinable!(sales_entries -> customers (customer_id));
diesel::joinable!(sales_entries -> orders (order_id));
diesel::joinable!(sales_entries -> products (product_id));
diesel::joinable!(sales_entries -> territories (territory_id));
diesel::joinable!(sales_entries -> users (user_id));
diesel::joinable!(second_factors -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(shipments -> orders (order_id));
diesel::joinable!(suggestions -> contacts (contact_id));
diesel::joinable!(suggestions -> customers (customer_id));
diesel::joinable!(suggestions -> users (reporter_id));
diesel::joinable!(suggestions -> visits (visit_id));
diesel::joinable!(survey_invitations -> customers (customer_id));
diesel::joinable!(survey_invitations -> surveys (survey_id));
diesel::joinable!(survey_responses -> customers (customer_id));
diesel::joinable!(survey_responses -> follow_ups (follow_up_id));
diesel::joinable!(survey_responses -> survey_invitations (invitation_id));
diesel::joinable!(survey_responses -> surveys (survey_id));
diesel::joinable!(terms_requests -> credit_investigations (investigation_id));
diesel::joinable!(terms_requests -> customers (customer_id));
diesel::joinable!(users -> teams (team_id));
diesel::joinable!(visit_checks -> users (user_id));
diesel::joinable!(visit_checks -> visits (visit_id));
diesel::joinable!(visits -> customers (customer_id));
diesel::joinable!(visits -> follow_ups (follow_up_id));
diesel::joinable!(visits -> users (owner_id));
diesel::joinable!(webhook_deliveries -> webhooks (webhook_id));
diesel::joinable!(webhook_positions -> webhooks (webhook_id));
diesel::joinable!(write_off_requests -> customers (customer_id));
diesel::joinable!(write_off_requests -> invoices (invoice_id));
diesel::joinable!(write_off_requests -> risk_cases (risk_case_id));
diesel::joinable!(write_off_requests -> users (requested_by));

diesel::allow_tables_to_appear_in_same_query!(allocations, payments);
diesel::allow_tables_to_appear_in_same_query!(allocations, write_off_requests);
diesel::allow_tables_to_appear_in_same_query!(attachment_links, attachments);
diesel::allow_tables_to_appear_in_same_query!(attachment_blobs, attachments);
diesel::allow_tables_to_appear_in_same_query!(cashflow_advice, users);
diesel::allow_tables_to_appear_in_same_query!(cashflow_advice, visits);
diesel::allow_tables_to_appear_in_same_query!(coaching_notes, users);
diesel::allow_tables_to_appear_in_same_query!(coaching_notes, visits);
diesel::allow_tables_to_appear_in_same_query!(collection_tasks, customers);
diesel::allow_tables_to_appear_in_same_query!(collection_tasks, invoices);
diesel::allow_tables_to_appear_in_same_query!(collection_tasks, users);
diesel::allow_tables_to_appear_in_same_query!(complaint_clocks, complaints);
diesel::allow_tables_to_appear_in_same_query!(complaint_proposals, complaints);
diesel::allow_tables_to_appear_in_same_query!(complaint_settlements, complaints);
diesel::allow_tables_to_appear_in_same_query!(complaints, contacts);
diesel::allow_tables_to_appear_in_same_query!(complaints, customers);
diesel::allow_tables_to_appear_in_same_query!(complaints, orders);
diesel::allow_tables_to_appear_in_same_query!(complaints, products);
diesel::allow_tables_to_appear_in_same_query!(complaints, visits);
diesel::allow_tables_to_appear_in_same_query!(contacts, customers);
diesel::allow_tables_to_appear_in_same_query!(control_balances, customers);
diesel::allow_tables_to_appear_in_same_query!(credit_investigations, customers);
diesel::allow_tables_to_appear_in_same_query!(credit_overrides, customers);
diesel::allow_tables_to_appear_in_same_query!(customer_credits, customers);
diesel::allow_tables_to_appear_in_same_query!(customer_transfers, customers);
diesel::allow_tables_to_appear_in_same_query!(customers, territories);
diesel::allow_tables_to_appear_in_same_query!(customers, users);
diesel::allow_tables_to_appear_in_same_query!(customers, follow_ups);
diesel::allow_tables_to_appear_in_same_query!(follow_ups, users);
diesel::allow_tables_to_appear_in_same_query!(customers, invoices);
diesel::allow_tables_to_appear_in_same_query!(invoices, orders);
diesel::allow_tables_to_appear_in_same_query!(invoices, users);
diesel::allow_tables_to_appear_in_same_query!(login_addresses, users);
diesel::allow_tables_to_appear_in_same_query!(memberships, teams);
diesel::allow_tables_to_appear_in_same_query!(memberships, users);
diesel::allow_tables_to_appear_in_same_query!(customers, open_items);
diesel::allow_tables_to_appear_in_same_query!(customers, objects);
diesel::allow_tables_to_appear_in_same_query!(objects, users);
diesel::allow_tables_to_appear_in_same_query!(customers, opportunities);
diesel::allow_tables_to_appear_in_same_query!(opportunities, products);
diesel::allow_tables_to_appear_in_same_query!(opportunities, users);
diesel::allow_tables_to_appear_in_same_query!(order_lines, orders);
diesel::allow_tables_to_appear_in_same_query!(order_lines, products);
diesel::allow_tables_to_appear_in_same_query!(customers, orders);
diesel::allow_tables_to_appear_in_same_query!(orders, territories);
diesel::allow_tables_to_appear_in_same_query!(customers, payments);
diesel::allow_tables_to_appear_in_same_query!(pending_items, pending_references);
diesel::allow_tables_to_appear_in_same_query!(customers, promises);
diesel::allow_tables_to_appear_in_same_query!(invoices, promises);
diesel::allow_tables_to_appear_in_same_query!(promises, users);
diesel::allow_tables_to_appear_in_same_query!(refresh_tokens, sessions);
diesel::allow_tables_to_appear_in_same_query!(refresh_tokens, users);
diesel::allow_tables_to_appear_in_same_query!(customers, risk_cases);
diesel::allow_tables_to_appear_in_same_query!(risk_cases, users);
diesel::allow_tables_to_appear_in_same_query!(customers, sales_entries);
diesel::allow_tables_to_appear_in_same_query!(orders, sales_entries);
diesel::allow_tables_to_appear_in_same_query!(products, sales_entries);
diesel::allow_tables_to_appear_in_same_query!(sales_entries, territories);
diesel::allow_tables_to_appear_in_same_query!(sales_entries, users);
diesel::allow_tables_to_appear_in_same_query!(second_factors, users);
diesel::allow_tables_to_appear_in_same_query!(sessions, users);
diesel::allow_tables_to_appear_in_same_query!(orders, shipments);
diesel::allow_tables_to_appear_in_same_query!(contacts, suggestions);
diesel::allow_tables_to_appear_in_same_query!(customers, suggestions);
diesel::allow_tables_to_appear_in_same_query!(suggestions, users);
diesel::allow_tables_to_appear_in_same_query!(suggestions, visits);
diesel::allow_tables_to_appear_in_same_query!(customers, survey_invitations);
diesel::allow_tables_to_appear_in_same_query!(survey_invitations, surveys);
diesel::allow_tables_to_appear_in_same_query!(customers, survey_responses);
diesel::allow_tables_to_appear_in_same_query!(follow_ups, survey_responses);
diesel::allow_tables_to_appear_in_same_query!(survey_invitations, survey_responses);
diesel::allow_tables_to_appear_in_same_query!(survey_responses, surveys);
diesel::allow_tables_to_appear_in_same_query!(credit_investigations, terms_requests);
diesel::allow_tables_to_appear_in_same_query!(customers, terms_requests);
diesel::allow_tables_to_appear_in_same_query!(teams, users);
diesel::allow_tables_to_appear_in_same_query!(users, visit_checks);
diesel::allow_tables_to_appear_in_same_query!(visit_checks, visits);
diesel::allow_tables_to_appear_in_same_query!(customers, visits);
diesel::allow_tables_to_appear_in_same_query!(follow_ups, visits);
diesel::allow_tables_to_appear_in_same_query!(users, visits);
diesel::allow_tables_to_appear_in_same_query!(webhook_deliveries, webhooks);
diesel::allow_tables_to_appear_in_same_query!(webhook_positions, webhooks);
diesel::allow_tables_to_appear_in_same_query!(customers, write_off_requests);
diesel::allow_tables_to_appear_in_same_query!(invoices, write_off_requests);
diesel::allow_tables_to_appear_in_same_query!(risk_cases, write_off_requests);
diesel::allow_tables_to_appear_in_same_query!(users, write_off_requests);
diesel::allow_tables_to_appear_in_same_query!(webhook_deliveries, webhook_positions);
