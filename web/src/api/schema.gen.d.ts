// Made by scripts/gen.mjs. Do not edit.
export interface paths {
    "/access-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List access keys
         * @description Needs access_key:read.
         */
        get: operations["list-access-keys"];
        put?: never;
        /**
         * Make an access key
         * @description Needs access_key:write.
         */
        post: operations["create-access-key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/access-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an access key, without its secret
         * @description Needs access_key:read.
         */
        get: operations["get-access-key"];
        put?: never;
        post?: never;
        /**
         * Revoke an access key
         * @description Needs access_key:write.
         */
        delete: operations["revoke-access-key"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/access-keys/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an access key a new secret
         * @description Needs access_key:write.
         */
        post: operations["rotate-access-key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who did what, newest first
         * @description Needs audit:read.
         */
        get: operations["list-audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/branding": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How a tenant's pages look; the operator's for a realm or host that nobody has */
        get: operations["get-public-branding"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/branding/logo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The picture of a tenant's pages */
        get: operations["get-public-logo"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/bulk-operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List operations on many, newest first
         * @description Needs subscriber:read.
         */
        get: operations["list-bulk-operations"];
        put?: never;
        /**
         * Make one change to many subscribers, in the background; or see what it would change
         * @description Needs subscriber:write.
         */
        post: operations["create-bulk-operation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/bulk-operations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How far an operation on many is, and whom it left out
         * @description Needs subscriber:read.
         */
        get: operations["get-bulk-operation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/bulk-operations/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End an operation on many; what was done stays done
         * @description Needs subscriber:write.
         */
        post: operations["cancel-bulk-operation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/certificates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List certificates, without keys
         * @description Needs network:read.
         */
        get: operations["list-certificates"];
        put?: never;
        /**
         * Import a certificate, or make a self-signed one
         * @description Needs network:write.
         */
        post: operations["create-certificate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/certificates/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a certificate, without its key
         * @description Needs network:read.
         */
        get: operations["get-certificate"];
        /**
         * Put another key pair under a certificate, live
         * @description Needs network:write.
         */
        put: operations["replace-certificate"];
        post?: never;
        /**
         * Delete a certificate that no ingress uses
         * @description Needs network:write.
         */
        delete: operations["delete-certificate"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a device
         * @description Needs subscriber:read.
         */
        get: operations["get-device"];
        put?: never;
        post?: never;
        /**
         * Delete a device
         * @description Needs subscriber:write.
         */
        delete: operations["delete-device"];
        options?: never;
        head?: never;
        /**
         * Rename, switch off or bind a device
         * @description Needs subscriber:write.
         */
        patch: operations["update-device"];
        trace?: never;
    };
    "/devices/{id}/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a device's WireGuard file; leaves an audit record
         * @description Needs secret:read.
         */
        get: operations["get-device-config"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices/{id}/links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a link that gives out a device's WireGuard file once
         * @description Needs secret:read.
         */
        post: operations["create-device-link"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices/{id}/qr": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a device's WireGuard file as a QR code; leaves an audit record
         * @description Needs secret:read.
         */
        get: operations["get-device-qr"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices/{id}/rotate-key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a device another key
         * @description Needs subscriber:write.
         */
        post: operations["rotate-device-key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/granted-node-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the groups this tenant may put into plans
         * @description Needs plan:read.
         */
        get: operations["list-granted-node-groups"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ingresses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List ingresses
         * @description Needs network:read.
         */
        get: operations["list-ingresses"];
        put?: never;
        /**
         * Add a service to a node
         * @description Needs network:write.
         */
        post: operations["create-ingress"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ingresses/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an ingress
         * @description Needs network:read.
         */
        get: operations["get-ingress"];
        put?: never;
        post?: never;
        /**
         * Delete an ingress
         * @description Needs network:write.
         */
        delete: operations["delete-ingress"];
        options?: never;
        head?: never;
        /**
         * Change an ingress; others on the node are not touched
         * @description Needs network:write.
         */
        patch: operations["update-ingress"];
        trace?: never;
    };
    "/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List jobs, newest first
         * @description Needs node:read.
         */
        get: operations["list-jobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a job and its answer
         * @description Needs node:read.
         */
        get: operations["get-job"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/live-sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Open sessions, newest first
         * @description Needs session:read.
         */
        get: operations["list-live-sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the tenant's logins
         * @description Needs login:read.
         */
        get: operations["list-logins"];
        put?: never;
        /**
         * Add a login for staff
         * @description Needs login:write.
         */
        post: operations["create-login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logins/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a login
         * @description Needs login:read.
         */
        get: operations["get-login"];
        put?: never;
        post?: never;
        /**
         * Delete a login, its sessions and its access keys; the last owner stays
         * @description Needs login:write.
         */
        delete: operations["delete-login"];
        options?: never;
        head?: never;
        /**
         * Change a login's name, address or role; nobody lifts anybody above themselves
         * @description Needs login:write.
         */
        patch: operations["update-login"];
        trace?: never;
    };
    "/logins/{id}/reset-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a login a generated password and end its sessions
         * @description Needs login:write.
         */
        post: operations["reset-password-login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logins/{id}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Refuse a login and its access keys, and end its sessions; the last owner stays
         * @description Needs login:write.
         */
        post: operations["suspend-login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logins/{id}/unsuspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a suspended login back in
         * @description Needs login:write.
         */
        post: operations["unsuspend-login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who am I */
        get: operations["who-am-i"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change my address and language */
        patch: operations["change-me"];
        trace?: never;
    };
    "/me/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change my password */
        post: operations["change-my-password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/node-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List node groups
         * @description Needs node:read.
         */
        get: operations["list-node-groups"];
        put?: never;
        /**
         * Add a node group
         * @description Needs node:write.
         */
        post: operations["create-node-group"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/node-groups/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a node group
         * @description Needs node:read.
         */
        get: operations["get-node-group"];
        put?: never;
        post?: never;
        /**
         * Delete a node group
         * @description Needs node:write.
         */
        delete: operations["delete-node-group"];
        options?: never;
        head?: never;
        /**
         * Change a node group
         * @description Needs node:write.
         */
        patch: operations["update-node-group"];
        trace?: never;
    };
    "/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List nodes: online, versions, wanted and applied revision, refusal
         * @description Needs node:read.
         */
        get: operations["list-nodes"];
        put?: never;
        /**
         * Add a node that waits for its enrolment
         * @description Needs node:write.
         */
        post: operations["create-node"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/nodes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a node
         * @description Needs node:read.
         */
        get: operations["get-node"];
        put?: never;
        post?: never;
        /**
         * Delete a node
         * @description Needs node:write.
         */
        delete: operations["delete-node"];
        options?: never;
        head?: never;
        /**
         * Change a node
         * @description Needs node:write.
         */
        patch: operations["update-node"];
        trace?: never;
    };
    "/nodes/{id}/declare-lost": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Free the traffic allowances that a node which will not return holds
         * @description Needs node:write.
         */
        post: operations["declare-lost-node"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/nodes/{id}/enrol-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a one-time enrolment token
         * @description Needs node:write.
         */
        post: operations["enrol-token-node"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/nodes/{id}/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a job to a node; the answer is stored with it
         * @description Needs node:write.
         */
        post: operations["create-job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/nodes/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a node's identity for good; its connections end within a second
         * @description Needs node:write.
         */
        post: operations["revoke-node"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/nodes/{id}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop serving subscribers; stay connected
         * @description Needs node:write.
         */
        post: operations["suspend-node"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/nodes/{id}/unsuspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Serve again
         * @description Needs node:write.
         */
        post: operations["unsuspend-node"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How things are
         * @description Needs usage:read.
         */
        get: operations["get-overview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List plans by name
         * @description Needs plan:read.
         */
        get: operations["list-plans"];
        put?: never;
        /**
         * Add a plan
         * @description Needs plan:write.
         */
        post: operations["create-plan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plans/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a plan
         * @description Needs plan:read.
         */
        get: operations["get-plan"];
        put?: never;
        post?: never;
        /**
         * Delete a plan that nobody has
         * @description Needs plan:write.
         */
        delete: operations["delete-plan"];
        options?: never;
        head?: never;
        /**
         * Change a plan; what was sold stays
         * @description Needs plan:write.
         */
        patch: operations["update-plan"];
        trace?: never;
    };
    "/portal/connections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** My open connections, newest first */
        get: operations["portal-list-connections"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/connections/{id}/kick": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End one of my connections */
        post: operations["portal-kick"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** My WireGuard devices */
        get: operations["portal-list-devices"];
        put?: never;
        /** Add a WireGuard device */
        post: operations["portal-create-device"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/devices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Remove a device */
        delete: operations["portal-delete-device"];
        options?: never;
        head?: never;
        /** Rename a device */
        patch: operations["portal-rename-device"];
        trace?: never;
    };
    "/portal/devices/{id}/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A device's WireGuard file */
        get: operations["portal-device-config"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/devices/{id}/qr": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A device's WireGuard file as a QR code */
        get: operations["portal-device-qr"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/diagnosis": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why I may be unable to connect */
        get: operations["portal-diagnosis"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/endpoints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where I may connect, with what I present there */
        get: operations["portal-list-endpoints"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What I have */
        get: operations["portal-me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change my language */
        patch: operations["portal-change-me"];
        trace?: never;
    };
    "/portal/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where I am signed in */
        get: operations["portal-list-sessions"];
        put?: never;
        /** Sign in as a subscriber, with name and password or with a subscription address */
        post: operations["portal-sign-in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/sessions/current": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Sign out */
        delete: operations["portal-sign-out"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Sign out somewhere */
        delete: operations["portal-end-session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/subscription": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** My subscription address; made the first time */
        get: operations["portal-subscription"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** My traffic by time */
        get: operations["portal-usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/profile-setting": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How the tenant's subscribers see their configurations
         * @description Needs setting:read.
         */
        get: operations["get-profile-setting"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change how the tenant's subscribers see their configurations
         * @description Needs setting:write.
         */
        patch: operations["update-profile-setting"];
        trace?: never;
    };
    "/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List where I am signed in, or somebody I manage */
        get: operations["list-sessions"];
        put?: never;
        /** Sign in */
        post: operations["sign-in"];
        /** Sign out everywhere else, or somebody I manage everywhere */
        delete: operations["end-sessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sessions/current": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Sign out */
        delete: operations["sign-out"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a session of mine, or of somebody I manage */
        get: operations["get-session"];
        put?: never;
        post?: never;
        /** End a session of mine, or of somebody I manage */
        delete: operations["end-session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Watch listings change (server-sent events, each named by its topic)
         * @description The first event of a topic is whole. Needs the permission to read each topic. Ends with an event named end, a problem document.
         */
        get: operations["stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List, filter and search subscribers
         * @description Needs subscriber:read.
         */
        get: operations["list-subscribers"];
        put?: never;
        /**
         * Add a subscriber
         * @description Needs subscriber:write.
         */
        post: operations["create-subscriber"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers.csv": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Subscribers as a CSV file; leaves an audit record
         * @description Needs subscriber:read.
         */
        get: operations["export-subscribers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/count": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many subscribers a filter matches
         * @description Needs subscriber:read.
         */
        get: operations["count-subscribers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add the subscribers of a CSV file: all, or none
         * @description Needs subscriber:write.
         */
        post: operations["import-subscribers"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a subscriber
         * @description Needs subscriber:read.
         */
        get: operations["get-subscriber"];
        put?: never;
        post?: never;
        /**
         * Delete a subscriber; the ledger stays
         * @description Needs subscriber:write.
         */
        delete: operations["delete-subscriber"];
        options?: never;
        head?: never;
        /**
         * Change a subscriber
         * @description Needs subscriber:write.
         */
        patch: operations["update-subscriber"];
        trace?: never;
    };
    "/subscribers/{id}/credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a subscriber's credentials; leaves an audit record
         * @description Needs secret:read.
         */
        get: operations["get-subscriber-credentials"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a subscriber's devices
         * @description Needs subscriber:read.
         */
        get: operations["list-devices"];
        put?: never;
        /**
         * Give a subscriber a WireGuard device
         * @description Needs subscriber:write.
         */
        post: operations["create-device"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/endpoints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show where a subscriber may connect now, with what they present; leaves an audit record
         * @description Needs secret:read.
         */
        get: operations["list-subscriber-endpoints"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/expire": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a subscriber's term now
         * @description Needs subscriber:write.
         */
        post: operations["expire-subscriber"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/grants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add traffic to the current period
         * @description Needs subscriber:write.
         */
        post: operations["grants-subscriber"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/kick": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a subscriber's sessions on every node and keep them out for a minute
         * @description Needs session:write.
         */
        post: operations["kick-subscriber"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set or generate a subscriber's password
         * @description Needs subscriber:write.
         */
        post: operations["password-subscriber"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Move a subscriber to another plan
         * @description Needs subscriber:write.
         */
        post: operations["plan-subscriber"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/reset-usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start a new traffic period now
         * @description Needs subscriber:write.
         */
        post: operations["reset-usage-subscriber"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/rotate-secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace generated secrets
         * @description Needs subscriber:write.
         */
        post: operations["rotate-secrets-subscriber"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sessions, newest first
         * @description Needs session:read.
         */
        get: operations["list-subscriber-sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Refuse a subscriber and cut their sessions
         * @description Needs subscriber:write.
         */
        post: operations["suspend-subscriber"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a subscriber's subscription addresses
         * @description Needs subscriber:read.
         */
        get: operations["list-subscription-tokens"];
        put?: never;
        /**
         * Make a subscription address
         * @description Needs subscriber:write.
         */
        post: operations["create-subscription-token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/unsuspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a suspended subscriber back in
         * @description Needs subscriber:write.
         */
        post: operations["unsuspend-subscriber"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscribers/{id}/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Traffic by time, ingress and exit
         * @description Needs usage:read.
         */
        get: operations["get-subscriber-usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/subscription-tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a subscription address
         * @description Needs subscriber:write.
         */
        delete: operations["revoke-subscription-token"];
        options?: never;
        head?: never;
        /**
         * Change a subscription address's comment or end
         * @description Needs subscriber:write.
         */
        patch: operations["update-subscription-token"];
        trace?: never;
    };
    "/subscription-tokens/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace a subscription address; the old one is dead
         * @description Needs subscriber:write.
         */
        post: operations["rotate-subscription-token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the tenants of the subtree
         * @description Needs tenant:read.
         */
        get: operations["list-tenants"];
        put?: never;
        /**
         * Add a reseller with its owner
         * @description Needs tenant:write.
         */
        post: operations["create-tenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a tenant
         * @description Needs tenant:read.
         */
        get: operations["get-tenant"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change, suspend or unsuspend a tenant
         * @description Needs tenant:write.
         */
        patch: operations["update-tenant"];
        trace?: never;
    };
    "/tenants/{id}/branding": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How a tenant's pages look, as it was set
         * @description Needs tenant:read.
         */
        get: operations["get-branding"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change how a tenant's pages look
         * @description Needs tenant:write.
         */
        patch: operations["update-branding"];
        trace?: never;
    };
    "/tenants/{id}/branding/logo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Give a tenant's pages a picture
         * @description Needs tenant:write.
         */
        put: operations["set-logo"];
        post?: never;
        /**
         * Take the picture away
         * @description Needs tenant:write.
         */
        delete: operations["delete-logo"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/traffic": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the tenant's subscribers moved, by time
         * @description Needs usage:read.
         */
        get: operations["get-traffic"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/unbooked-usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Usage that nodes reported for subscribers who were never theirs; billed to nobody
         * @description Needs usage:read.
         */
        get: operations["list-unbooked-usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AccessKey: {
            addresses: string[];
            comment: string;
            /** Format: date-time */
            created_at: string;
            created_by: string;
            /** Format: date-time */
            expires_at: string | null;
            id: string;
            idempotent: boolean;
            /** Format: date-time */
            last_used_at: string | null;
            last_used_from: string;
            owner: string;
            owner_kind: string;
            permissions: string[];
            sets: string[];
            tenant_id: string;
        };
        AppLink: {
            app: string;
            url: string;
        };
        AskBody: {
            /** @enum {string} */
            action: "suspend" | "unsuspend" | "extend" | "delete" | "grant" | "change_plan";
            /**
             * Format: int64
             * @description of grant: added to the current period
             */
            bytes?: number;
            /**
             * Format: int64
             * @description of extend: 1 to 3650
             */
            days?: number;
            /** @description as in the listing; {} is everybody of this tenant */
            filter?: components["schemas"]["Filter"];
            /** @description subscribers; or filter */
            ids?: string[];
            /** @description of change_plan: id or name */
            plan?: string;
            /** @description tell what would change, and change nothing */
            preview?: boolean;
            /** @description of suspend: manual, overdue, quota, abuse or expired */
            reason?: string;
        };
        Brand: {
            /** @description #rrggbb */
            accent: string;
            /** @description host name by which the tenant's pages are found */
            host: string;
            /** @description en, zh, ko or ru; empty: what the browser asks for */
            language: string;
            /** @description changes with the picture; empty: none */
            logo_tag: string;
            realm: string;
            support_email: string;
            support_url: string;
            tenant_id: string;
            /** @description empty: the tenant's name */
            title: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
        };
        Bucket: {
            /** Format: date-time */
            at: string;
            /** Format: int64 */
            down: number;
            exit: string;
            ingress_id: string;
            /** Format: int64 */
            up: number;
        };
        Certificate: {
            chain: string;
            /** Format: date-time */
            created_at: string;
            id: string;
            name: string;
            names: string[];
            /** Format: date-time */
            not_after: string;
            /** Format: date-time */
            not_before: string;
            sha256: string;
            source: string;
            tenant_id: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
        };
        Change: {
            /** @description field to before and after */
            change: {
                [key: string]: unknown[];
            };
            id: string;
            name: string;
        };
        ChangePlanRequestBody: {
            /** @description also when more is used than the plan allows */
            force?: boolean;
            /** @description id or name */
            plan: string;
        };
        Checklist: {
            /** @description a subscriber has connected once */
            connected: boolean;
            ingress: boolean;
            node_online: boolean;
            /** @description besides the one that everybody has */
            plan: boolean;
            subscriber: boolean;
        };
        Connection: {
            /** @description where it comes from */
            address: string;
            /** @description name, where the protocol knows it */
            device: string;
            /** Format: int64 */
            down: number;
            id: string;
            node: string;
            protocol: string;
            /** Format: int64 */
            rate_down: number;
            /**
             * Format: int64
             * @description bits per second
             */
            rate_up: number;
            region: string;
            /** Format: date-time */
            since: string;
            /** Format: int64 */
            up: number;
        };
        Count: {
            /** Format: int64 */
            count: number;
            /** @description false: there are more */
            exact: boolean;
        };
        CreateCertBody: {
            /** @description import: PEM, leaf first */
            chain?: string;
            /**
             * Format: int64
             * @description self-signed: life; 0: 730
             */
            days?: number;
            /** @description import: PEM */
            key?: string;
            name: string;
            /** @description self-signed: domains and addresses */
            names?: string[];
        };
        CreateDeviceBody: {
            /** @description inner IPv4 address; empty: the lowest that is free */
            address?: string;
            /** @description the only ingress it may use; empty: any */
            ingress_id?: string;
            /** @description unique for the subscriber */
            name: string;
            /** @description name or id: the first ingress there is the only one */
            node?: string;
            /** @description base64; empty: made with a pair, none beside a key of the user's */
            preshared_key?: string;
            /** @description base64; empty: the panel makes the pair */
            public_key?: string;
        };
        CreateGroupBody: {
            comment?: string;
            name: string;
        };
        CreateIngressBody: {
            certificate_id?: string;
            /** @description default true */
            enabled?: boolean;
            /** @enum {string} */
            kind: "hysteria2" | "http" | "wireguard" | "shadowsocks" | "socks5";
            /** @description address:port; :1080 for all addresses */
            listen: string;
            name: string;
            node_id: string;
            /** @description document of the protocol that kind names */
            options?: components["schemas"]["HysteriaOptions"] | components["schemas"]["HttpproxyOptions"] | components["schemas"]["WireguardOptions"] | components["schemas"]["ShadowsocksOptions"] | components["schemas"]["SocksOptions"];
        } & ({
            /** @constant */
            kind?: "hysteria2";
            options?: components["schemas"]["HysteriaOptions"];
        } | {
            /** @constant */
            kind?: "http";
            options?: components["schemas"]["HttpproxyOptions"];
        } | {
            /** @constant */
            kind?: "wireguard";
            options?: components["schemas"]["WireguardOptions"];
        } | {
            /** @constant */
            kind?: "shadowsocks";
            options?: components["schemas"]["ShadowsocksOptions"];
        } | {
            /** @constant */
            kind?: "socks5";
            options?: components["schemas"]["SocksOptions"];
        });
        CreateJobBody: {
            /** @description document of the kind; ids, never secrets */
            args?: unknown;
            /** @description apply, kick, check_ports, probe, collect, restart_ingress, upgrade, diagnose, log_tail, drain */
            kind: string;
        };
        CreateKeyBody: {
            /** @description addresses and CIDR prefixes; empty: any */
            addresses?: string[];
            comment?: string;
            /** Format: date-time */
            expires_at?: string;
            /** @description instead of sets and permissions: all that its owner may, everywhere */
            full?: boolean;
            /** @description commands answer 0 where nothing was left to do */
            idempotent?: boolean;
            /** @description login it acts for; empty: the caller's */
            owner?: string;
            /** @description resource:action, for this interface */
            permissions?: string[];
            /** @description permission sets of the command interface */
            sets?: string[];
        };
        CreateLoginBody: {
            email?: string;
            name: string;
            /** @description empty: generated */
            password?: string;
            /** @description resource:action, for role custom */
            permissions?: string[];
            /** @enum {string} */
            role: "owner" | "admin" | "billing" | "support" | "readonly" | "custom";
        };
        CreateNodeBody: {
            comment?: string;
            /** @description node group ids */
            groups?: string[];
            /** @description address that subscribers dial */
            host?: string;
            name: string;
            region?: string;
        };
        CreatePlanBody: {
            /** @description ISO 4217, such as EUR */
            currency?: string;
            /**
             * Format: int64
             * @description 0: no limit
             */
            devices?: number;
            hidden?: boolean;
            name: string;
            /** @description ids; empty: all that the tenant may use */
            node_groups?: string[];
            /**
             * Format: int64
             * @description minor units of the currency
             */
            price?: number;
            /** @description empty: all */
            protocols?: string[];
            /** @enum {string} */
            reset?: "never" | "daily" | "weekly" | "monthly" | "anniversary";
            /**
             * Format: int64
             * @description bits per second; 0: no limit
             */
            speed_down?: number;
            /**
             * Format: int64
             * @description bits per second; 0: no limit
             */
            speed_up?: number;
            /**
             * Format: int64
             * @description expiry set at creation; 0: none
             */
            term_days?: number;
            /**
             * Format: int64
             * @description bytes a period; -1: unlimited
             */
            traffic_limit?: number;
        };
        CreateSubscriberBody: {
            comment?: string;
            /**
             * Format: int64
             * @description 0: no limit
             */
            devices?: number;
            email?: string;
            /**
             * Format: date-time
             * @description absent: by the plan's term
             */
            expires_at?: string;
            /** @description the billing system's id, unique in the tenant */
            external_id?: string;
            full_name?: string;
            /**
             * Format: date-time
             * @description first use must come before
             */
            hold_deadline?: string;
            label?: string;
            /** @enum {string} */
            language?: "" | "en" | "zh" | "ko" | "ru";
            name: string;
            /** @description ids; empty: all that the tenant may use */
            node_groups?: string[];
            /** @description the term starts at first use */
            on_hold?: boolean;
            /** @description empty: generated */
            password?: string;
            /** @description id or name; empty: default */
            plan?: string;
            /** @description empty: all */
            protocols?: string[];
            /** @enum {string} */
            reset?: "never" | "daily" | "weekly" | "monthly" | "anniversary";
            /**
             * Format: int64
             * @description bits per second; 0: no limit
             */
            speed_down?: number;
            /**
             * Format: int64
             * @description bits per second; 0: no limit
             */
            speed_up?: number;
            /**
             * Format: int64
             * @description bytes a period; -1: unlimited
             */
            traffic_limit?: number;
        };
        CreateTenantBody: {
            name: string;
            /** @description ids it may use; empty: all */
            node_groups?: string[];
            owner: components["schemas"]["OwnerStruct"];
            /** @description after @ in the logins of its subscribers and people */
            realm: string;
        };
        CreateTokenBody: {
            comment?: string;
            /** Format: date-time */
            expires_at?: string;
        };
        Credentials: {
            /** @description user name for SOCKS5, HTTP and name:password Hysteria */
            login: string;
            password: string;
            /** @description the password alone opens Hysteria */
            password_alone: boolean;
            /** @description protocol family to generated secret */
            secrets: {
                [key: string]: string;
            };
        };
        Detail: {
            /** @enum {string} */
            action: "suspend" | "unsuspend" | "extend" | "delete" | "grant" | "change_plan";
            /** @description who asked */
            actor: string;
            /**
             * Format: int64
             * @description of grant: added to the current period
             */
            bytes?: number;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: int64
             * @description of extend: 1 to 3650
             */
            days?: number;
            /** Format: int64 */
            done: number;
            /** Format: int64 */
            failed: number;
            /** @description the first 100 */
            faults: components["schemas"]["Fault"][];
            /** Format: date-time */
            finished_at: string | null;
            id: string;
            /** @description of change_plan: id or name */
            plan?: string;
            /** @description of suspend: manual, overdue, quota, abuse or expired */
            reason?: string;
            /** @enum {string} */
            status: "queued" | "running" | "done" | "cancelled";
            /** Format: int64 */
            total: number;
        };
        Device: {
            /** Format: date-time */
            created_at: string;
            disabled: boolean;
            id: string;
            /** @description the only ingress it may use; null: any */
            ingress_id: string | null;
            name: string;
            /**
             * Format: int64
             * @description its place in every pool of inner addresses
             */
            number: number;
            /** @description the user keeps the private key: the panel cannot write a configuration */
            own_key: boolean;
            preshared: boolean;
            public_key: string;
            /** @description its configuration was given out since its key was made */
            shown: boolean;
            /** @description what nodes said of it; null: it has never connected */
            state: components["schemas"]["State"];
            subscriber_id: string;
            tenant_id: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
        };
        EndedSessions: {
            /** Format: int64 */
            ended: number;
        };
        EnrolToken: {
            /** @description to run on the machine */
            command: string;
            /** Format: date-time */
            expires_at: string;
            gateway: string;
            /** @description SHA-256 of the panel's CA */
            pin: string;
            /** @description shown once, good once */
            token: string;
            /** @description why the command may not work */
            warnings: string[];
        };
        Entry: {
            action: string;
            actor: string;
            actor_kind: string;
            address: string;
            /** Format: date-time */
            at: string;
            diff?: unknown;
            id: string;
            object: string;
            trace?: string;
        };
        ErrorDetail: {
            /** @description Where the error occurred, e.g. 'body.items[3].tags' or 'path.thing-id' */
            location?: string;
            /** @description Error message text */
            message?: string;
            /** @description The value at the given location */
            value?: unknown;
        };
        ErrorModel: {
            detail: string;
            /** @description which field broke which rule */
            fields?: components["schemas"]["Field"][];
            /** Format: int64 */
            status: number;
            title: string;
            /** @description id of this request in the panel's logs */
            trace?: string;
            /** @description urn:culvert:error: and the kind */
            type: string;
        };
        Event: {
            /** @description keys of objects that are not in the listing any more; with more, some may only have made room */
            gone: string[];
            /** @description there are more than are shown: narrow the topic */
            more: boolean;
            /** @description new and changed objects */
            set: unknown[];
            /** @description forget what came before: set is all there is */
            whole: boolean;
        };
        Fault: {
            id: string;
            /** @description when the operation was asked for; empty: nobody the caller may see */
            name: string;
            why: string;
        };
        Field: {
            field: string;
            rule: string;
        };
        Filter: {
            /** Format: date-time */
            expires_before?: string;
            external_id?: string;
            online?: boolean;
            plan?: string;
            q?: string;
            status?: string;
            tenant?: string;
            tree?: boolean;
        };
        Finding: {
            /** @description nothing connects while it lasts */
            blocking: boolean;
            /** @enum {string} */
            code: "suspended" | "expired" | "on_hold" | "limited" | "devices_full" | "kicked" | "wrong_password_recently" | "no_ingress" | "ingress_fault" | "node_offline" | "ok";
            /**
             * Format: int64
             * @description devices_full: in use; wrong_password_recently: how many
             */
            count?: number;
            ingress?: string;
            /**
             * Format: int64
             * @description devices_full
             */
            limit?: number;
            node?: string;
            protocol?: string;
            /** @description suspended: manual, overdue, quota, abuse or expired */
            reason?: string;
            /**
             * Format: date-time
             * @description expired: when; wrong_password_recently: the last one; node_offline: last seen
             */
            since?: string;
            /**
             * Format: date-time
             * @description limited: when the period ends; kicked: when one may come back; on_hold: first use must come before
             */
            until?: string;
        };
        FreshKey: {
            addresses: string[];
            comment: string;
            /** Format: date-time */
            created_at: string;
            created_by: string;
            /** Format: date-time */
            expires_at: string | null;
            id: string;
            idempotent: boolean;
            /** Format: date-time */
            last_used_at: string | null;
            last_used_from: string;
            owner: string;
            owner_kind: string;
            permissions: string[];
            /** @description shown once */
            secret: string;
            sets: string[];
            tenant_id: string;
        };
        FreshLogin: {
            /** Format: date-time */
            created_at: string;
            email: string;
            id: string;
            /** @description empty: what the tenant's pages are in */
            language: string;
            /** Format: date-time */
            last_login_at: string | null;
            must_change_password: boolean;
            name: string;
            /** @description when it was generated; shown once, to be changed at the first sign-in */
            password?: string;
            permissions: string[];
            role: string;
            second_factor: boolean;
            status: string;
            tenant_id: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
        };
        FreshPassword: {
            /** @description shown once; to be changed at the next sign-in */
            password: string;
        };
        FreshSecret: {
            /** @description shown once; the old one stays good for 24 hours */
            secret: string;
        };
        FreshSubscriber: {
            comment: string;
            /** Format: date-time */
            created_at: string;
            /** Format: int64 */
            devices: number;
            email: string;
            /** Format: date-time */
            expires_at: string | null;
            external_id: string | null;
            full_name: string;
            /** Format: date-time */
            hold_deadline: string | null;
            id: string;
            label: string;
            language: string;
            /**
             * Format: date-time
             * @description when traffic was last reported
             */
            last_seen_at: string | null;
            name: string;
            /** Format: date-time */
            next_reset: string | null;
            node_groups: string[];
            /** @description has an open session */
            online: boolean;
            /** @description when it was generated; later it is under credentials */
            password?: string;
            /** Format: int64 */
            period: number;
            /** Format: date-time */
            period_start: string;
            plan: string;
            plan_id: string;
            protocols: string[];
            reason: string;
            reset: string;
            /** Format: int64 */
            speed_down: number;
            /** Format: int64 */
            speed_up: number;
            status: string;
            tenant_id: string;
            /** @description in listings of a subtree */
            tenant_name?: string;
            /** Format: int64 */
            traffic_limit: number;
            /** Format: date-time */
            updated_at: string;
            usage: components["schemas"]["Usage"];
            /** Format: int64 */
            version: number;
        };
        FreshTenant: {
            /** Format: date-time */
            created_at: string;
            id: string;
            name: string;
            node_groups: string[];
            /** @description when it was generated; shown once, to be changed at the first sign-in */
            owner_password?: string;
            parent_id: string | null;
            realm: string;
            status: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
        };
        GrantRequestBody: {
            /**
             * Format: int64
             * @description added to the current period
             */
            bytes: number;
            /** @description the order's id: granted once, however often it is sent */
            source?: string;
        };
        GrantedGroup: {
            id: string;
            name: string;
        };
        Group: {
            comment: string;
            /** Format: date-time */
            created_at: string;
            id: string;
            name: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
        };
        HttpproxyOptions: {
            /**
             * Format: int64
             * @default 15000
             */
            header_timeout_ms: number;
            /**
             * Format: int64
             * @default 90000
             */
            idle_timeout_ms: number;
            /**
             * Format: int64
             * @default 65536
             */
            max_header_bytes: number;
            /** @default proxy */
            realm: string;
            /** @default false */
            tls: boolean;
        };
        HysteriaCongestion: {
            /** @enum {string} */
            bbr_profile?: "standard" | "conservative" | "aggressive";
            /**
             * @default bbr
             * @enum {string}
             */
            type: "bbr" | "reno";
        };
        HysteriaMasquerade: {
            /** @default false */
            allow_private: boolean;
            content?: string;
            headers?: {
                [key: string]: string;
            };
            /** Format: int64 */
            status?: number;
            /**
             * @default 404
             * @enum {string}
             */
            type: "404" | "string" | "redirect" | "proxy";
            url?: string;
        };
        HysteriaObfs: {
            password?: string;
            /** @enum {string} */
            type?: "salamander";
        };
        HysteriaOptions: {
            congestion?: components["schemas"]["HysteriaCongestion"];
            /**
             * Format: int64
             * @default 0
             */
            down_mbps: number;
            ignore_client_bandwidth?: boolean;
            /** @default false */
            insecure: boolean;
            masquerade?: components["schemas"]["HysteriaMasquerade"];
            obfs?: components["schemas"]["HysteriaObfs"];
            quic?: components["schemas"]["HysteriaQUIC"];
            sni?: string;
            /** @default true */
            udp: boolean;
            /**
             * Format: int64
             * @default 60000
             */
            udp_idle_timeout_ms: number;
            /**
             * Format: int64
             * @default 0
             */
            up_mbps: number;
        };
        HysteriaQUIC: {
            /** @default false */
            disable_path_mtu_discovery: boolean;
            /**
             * Format: int64
             * @default 20971520
             */
            initial_conn_window: number;
            /**
             * Format: int64
             * @default 8388608
             */
            initial_stream_window: number;
            /**
             * Format: int64
             * @default 20971520
             */
            max_conn_window: number;
            /**
             * Format: int64
             * @default 30000
             */
            max_idle_timeout_ms: number;
            /**
             * Format: int64
             * @default 1024
             */
            max_incoming_streams: number;
            /**
             * Format: int64
             * @default 8388608
             */
            max_stream_window: number;
        };
        Import: {
            /** Format: int64 */
            created: number;
            /** Format: int64 */
            fault_count: number;
            /** @description of a dry run: the first 1000 */
            faults: components["schemas"]["LineFault"][];
            items: components["schemas"]["Imported"][];
            /** Format: int64 */
            rows: number;
        };
        Imported: {
            id: string;
            /** Format: int64 */
            line: number;
            name: string;
            /** @description when it was generated; later it is under credentials */
            password?: string;
        };
        Ingress: {
            certificate_id: string | null;
            /** Format: date-time */
            created_at: string;
            enabled: boolean;
            fault: string;
            id: string;
            /** @enum {string} */
            kind: "hysteria2" | "http" | "wireguard" | "shadowsocks" | "socks5";
            listen: string;
            name: string;
            node_id: string;
            /** @description document of the protocol that kind names */
            options: components["schemas"]["HysteriaOptions"] | components["schemas"]["HttpproxyOptions"] | components["schemas"]["WireguardOptions"] | components["schemas"]["ShadowsocksOptions"] | components["schemas"]["SocksOptions"];
            tenant_id: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
            /** @description what works, but not well */
            warnings: string[];
        } & ({
            /** @constant */
            kind?: "hysteria2";
            options?: components["schemas"]["HysteriaOptions"];
        } | {
            /** @constant */
            kind?: "http";
            options?: components["schemas"]["HttpproxyOptions"];
        } | {
            /** @constant */
            kind?: "wireguard";
            options?: components["schemas"]["WireguardOptions"];
        } | {
            /** @constant */
            kind?: "shadowsocks";
            options?: components["schemas"]["ShadowsocksOptions"];
        } | {
            /** @constant */
            kind?: "socks5";
            options?: components["schemas"]["SocksOptions"];
        });
        Job: {
            actor: string;
            args?: unknown;
            /** Format: int64 */
            attempt: number;
            /** Format: date-time */
            created_at: string;
            error?: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: date-time */
            finished_at: string | null;
            id: string;
            kind: string;
            node: string;
            output?: unknown;
            state: string;
        };
        KickJob: {
            id: string;
            node_id: string;
        };
        KickRequestBody: {
            /** @description only this session */
            session?: string;
            /** @description only sessions from this address */
            source?: string;
        };
        Kicked: {
            /** @description one a node that serves the subscriber; empty when none does */
            jobs: components["schemas"]["KickJob"][];
        };
        LineFault: {
            /** @description name; empty: the whole line */
            column: string;
            /**
             * Format: int64
             * @description from 1, the header
             */
            line: number;
            rule: string;
        };
        Link: {
            /** Format: date-time */
            expires_at: string;
            id: string;
            /** @description shown once */
            url: string;
        };
        Login: {
            /** Format: date-time */
            created_at: string;
            email: string;
            id: string;
            /** @description empty: what the tenant's pages are in */
            language: string;
            /** Format: date-time */
            last_login_at: string | null;
            must_change_password: boolean;
            name: string;
            permissions: string[];
            role: string;
            second_factor: boolean;
            status: string;
            tenant_id: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
        };
        MakeLinkBody: {
            ingress_id?: string;
            /**
             * Format: int64
             * @description how long it lives; absent: a day
             */
            minutes?: number;
        };
        Me: {
            email: string;
            id: string;
            kind: string;
            /** @description en, zh, ko or ru; empty: what the tenant's pages are in */
            language: string;
            must_change_password: boolean;
            name: string;
            operator: boolean;
            permissions: string[];
            /** @description of the tenant; empty: the operator's */
            realm: string;
            tenant: string;
            tenant_name: string;
            /** @description of the panel */
            version: string;
        };
        Moved: {
            /** Format: int64 */
            down: number;
            /** Format: int64 */
            up: number;
        };
        NewPasswordRequestBody: {
            /** @description empty: generated */
            password?: string;
        };
        NewPortalDeviceBody: {
            name: string;
            /** @description base64, of a pair made in the browser; empty: the panel makes one */
            public_key?: string;
        };
        Node: {
            agent_version: string;
            /** Format: date-time */
            applied_at: string | null;
            /** Format: int64 */
            applied_revision: number;
            /** Format: int64 */
            capability: number;
            /** Format: int64 */
            clock_skew_ms: number;
            comment: string;
            /** Format: date-time */
            created_at: string;
            /** Format: int64 */
            epoch: number;
            fault: string;
            groups: string[];
            host: string;
            id: string;
            kinds: string[];
            name: string;
            online: boolean;
            refused_path: string;
            refused_reason: string;
            /** Format: int64 */
            refused_revision: number;
            region: string;
            /** Format: date-time */
            seen_at: string | null;
            status: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
            /** Format: int64 */
            wanted_revision: number;
        };
        OpenSession: {
            address: string;
            /** Format: date-time */
            created_at: string;
            /** @description the one that asks */
            current: boolean;
            /**
             * Format: date-time
             * @description moves with use
             */
            expires_at: string;
            id: string;
            login_id: string;
            /**
             * Format: date-time
             * @description to the minute
             */
            seen_at: string;
            user_agent: string;
        };
        Operation: {
            /** @enum {string} */
            action: "suspend" | "unsuspend" | "extend" | "delete" | "grant" | "change_plan";
            /** @description who asked */
            actor: string;
            /**
             * Format: int64
             * @description of grant: added to the current period
             */
            bytes?: number;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: int64
             * @description of extend: 1 to 3650
             */
            days?: number;
            /** Format: int64 */
            done: number;
            /** Format: int64 */
            failed: number;
            /** Format: date-time */
            finished_at: string | null;
            id: string;
            /** @description of change_plan: id or name */
            plan?: string;
            /** @description of suspend: manual, overdue, quota, abuse or expired */
            reason?: string;
            /** @enum {string} */
            status: "queued" | "running" | "done" | "cancelled";
            /** Format: int64 */
            total: number;
        };
        Overview: {
            checklist: components["schemas"]["Checklist"];
            /**
             * Format: int64
             * @description within 7 days
             */
            expiring: number;
            /**
             * Format: int64
             * @description in 24 hours; the operator's, else null
             */
            failed_jobs: number | null;
            /** @description the operator's; else null */
            nodes: components["schemas"]["Standing"];
            /**
             * Format: int64
             * @description subscribers with an open session
             */
            online: number;
            rate: components["schemas"]["Speed"];
            /** @description by status, and total */
            subscribers: {
                [key: string]: number;
            };
            /** @description since midnight UTC */
            traffic_today: components["schemas"]["Moved"];
            traffic_yesterday: components["schemas"]["Moved"];
        };
        OwnerStruct: {
            email?: string;
            name: string;
            /** @description empty: generated */
            password?: string;
        };
        PageAccessKey: {
            items: components["schemas"]["AccessKey"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageBucket: {
            items: components["schemas"]["Bucket"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageCertificate: {
            items: components["schemas"]["Certificate"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageConnection: {
            items: components["schemas"]["Connection"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageDevice: {
            items: components["schemas"]["Device"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageEntry: {
            items: components["schemas"]["Entry"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageFinding: {
            items: components["schemas"]["Finding"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageGrantedGroup: {
            items: components["schemas"]["GrantedGroup"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageGroup: {
            items: components["schemas"]["Group"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageIngress: {
            items: components["schemas"]["Ingress"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageJob: {
            items: components["schemas"]["Job"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageLogin: {
            items: components["schemas"]["Login"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageNode: {
            items: components["schemas"]["Node"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageOpenSession: {
            items: components["schemas"]["OpenSession"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageOperation: {
            items: components["schemas"]["Operation"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PagePlan: {
            items: components["schemas"]["Plan"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PagePortalEndpoint: {
            items: components["schemas"]["PortalEndpoint"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PagePortalSession: {
            items: components["schemas"]["PortalSession"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageSessionRow: {
            items: components["schemas"]["SessionRow"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageShownEndpoint: {
            items: components["schemas"]["ShownEndpoint"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageSubscriber: {
            items: components["schemas"]["Subscriber"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageTenant: {
            items: components["schemas"]["Tenant"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageToken: {
            items: components["schemas"]["Token"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageTrafficBucket: {
            items: components["schemas"]["TrafficBucket"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageUnbookedRow: {
            items: components["schemas"]["UnbookedRow"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PageUsageBucket: {
            items: components["schemas"]["UsageBucket"][];
            /** @description cursor of the next page; empty at the end */
            next: string;
        };
        PasswordRequestBody: {
            new_password: string;
            old_password: string;
        };
        PatchBrandingBody: {
            /** @description #rrggbb */
            accent?: string;
            host?: string;
            /** @enum {string} */
            language?: "" | "en" | "zh" | "ko" | "ru";
            support_email?: string;
            support_url?: string;
            title?: string;
        };
        PatchDeviceBody: {
            disabled?: boolean;
            /** @description null: any */
            ingress_id?: string | null;
            name?: string;
        };
        PatchGroupBody: {
            comment?: string;
            name?: string;
        };
        PatchIngressBody: {
            certificate_id?: string | null;
            enabled?: boolean;
            listen?: string;
            name?: string;
            /** @description document of the protocol that kind names */
            options?: components["schemas"]["HysteriaOptions"] | components["schemas"]["HttpproxyOptions"] | components["schemas"]["WireguardOptions"] | components["schemas"]["ShadowsocksOptions"] | components["schemas"]["SocksOptions"];
        };
        PatchLoginBody: {
            email?: string;
            /** @description its access keys follow */
            name?: string;
            /** @description resource:action, for role custom */
            permissions?: string[];
            /** @enum {string} */
            role?: "owner" | "admin" | "billing" | "support" | "readonly" | "custom";
        };
        PatchMeBody: {
            email?: string;
            /** @enum {string} */
            language?: "" | "en" | "zh" | "ko" | "ru";
        };
        PatchNodeBody: {
            comment?: string;
            groups?: string[];
            host?: string;
            name?: string;
            region?: string;
        };
        PatchPlanBody: {
            /** @description ISO 4217, such as EUR */
            currency?: string;
            /**
             * Format: int64
             * @description 0: no limit
             */
            devices?: number;
            hidden?: boolean;
            name?: string;
            /** @description ids; empty: all that the tenant may use */
            node_groups?: string[];
            /**
             * Format: int64
             * @description minor units of the currency
             */
            price?: number;
            /** @description empty: all */
            protocols?: string[];
            /** @enum {string} */
            reset?: "never" | "daily" | "weekly" | "monthly" | "anniversary";
            /**
             * Format: int64
             * @description bits per second; 0: no limit
             */
            speed_down?: number;
            /**
             * Format: int64
             * @description bits per second; 0: no limit
             */
            speed_up?: number;
            /**
             * Format: int64
             * @description expiry set at creation; 0: none
             */
            term_days?: number;
            /**
             * Format: int64
             * @description bytes a period; -1: unlimited
             */
            traffic_limit?: number;
        };
        PatchPortalDeviceBody: {
            name: string;
        };
        PatchPortalSelfBody: {
            /** @enum {string} */
            language: "en" | "zh" | "ko" | "ru";
        };
        PatchProfileSettingBody: {
            remark?: string;
            show_once?: boolean;
            support_url?: string;
            title?: string;
            /** Format: int64 */
            update_hours?: number;
            web_page_url?: string;
        };
        PatchSubscriberBody: {
            comment?: string;
            /**
             * Format: int64
             * @description 0: no limit
             */
            devices?: number;
            email?: string;
            /**
             * Format: date-time
             * @description null: never
             */
            expires_at?: string | null;
            /** @description empty: none */
            external_id?: string;
            full_name?: string;
            label?: string;
            language?: string;
            /** @description ids; empty: all that the tenant may use */
            node_groups?: string[];
            /** @description empty: all */
            protocols?: string[];
            /** @enum {string} */
            reset?: "never" | "daily" | "weekly" | "monthly" | "anniversary";
            /**
             * Format: int64
             * @description bits per second; 0: no limit
             */
            speed_down?: number;
            /**
             * Format: int64
             * @description bits per second; 0: no limit
             */
            speed_up?: number;
            /**
             * Format: int64
             * @description bytes a period; -1: unlimited
             */
            traffic_limit?: number;
        };
        PatchTenantBody: {
            name?: string;
            node_groups?: string[];
            /** @enum {string} */
            status?: "active" | "suspended";
        };
        PatchTokenBody: {
            comment?: string;
            /**
             * Format: date-time
             * @description null: never
             */
            expires_at?: string | null;
        };
        Plan: {
            /** Format: date-time */
            created_at: string;
            currency: string;
            /** Format: int64 */
            devices: number;
            hidden: boolean;
            id: string;
            name: string;
            node_groups: string[];
            /** Format: int64 */
            price: number;
            protocols: string[];
            reset: string;
            /** Format: int64 */
            speed_down: number;
            /** Format: int64 */
            speed_up: number;
            tenant_id: string;
            /** Format: int64 */
            term_days: number;
            /** Format: int64 */
            traffic_limit: number;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
        };
        PortalEndpoint: {
            /** @description WireGuard: whose it is */
            device?: string;
            host: string;
            link: string;
            /** @description that open it in apps */
            links: components["schemas"]["AppLink"][];
            name: string;
            node: string;
            /** @description no endpoint: name says why there is none */
            notice: boolean;
            /** @description SOCKS5 and HTTP */
            password?: string;
            /** Format: int32 */
            port: number;
            protocol: string;
            /** @description of the link, or of the WireGuard file: SVG */
            qr: string;
            region: string;
            /** @description SOCKS5 and HTTP */
            user?: string;
        };
        PortalSelf: {
            branding: components["schemas"]["Public"];
            devices: components["schemas"]["PortalSelfDevicesStruct"];
            /** Format: date-time */
            expires_at: string | null;
            language: string;
            /** @description user name for protocols that have one */
            login: string;
            name: string;
            plan: string;
            reason: string;
            speed: components["schemas"]["PortalSelfSpeedStruct"];
            /** @enum {string} */
            status: "on_hold" | "active" | "limited" | "expired" | "suspended";
            usage: components["schemas"]["SelfUsage"];
        };
        PortalSelfDevicesStruct: {
            /** Format: int64 */
            in_use: number;
            /**
             * Format: int64
             * @description 0: none
             */
            limit: number;
        };
        PortalSelfSpeedStruct: {
            /** Format: int64 */
            down: number;
            /**
             * Format: int64
             * @description bits per second; 0: no limit
             */
            up: number;
        };
        PortalSession: {
            address: string;
            by_link: boolean;
            /** Format: date-time */
            created_at: string;
            current: boolean;
            /** Format: date-time */
            expires_at: string;
            id: string;
            /** Format: date-time */
            seen_at: string;
            user_agent: string;
        };
        PortalSignInBody: {
            /** @description set the portal's cookie instead of answering with a token */
            cookie?: boolean;
            /** @description name, or name@realm */
            login?: string;
            password?: string;
            /** @description of the page, for a name without one; empty: the operator's */
            realm?: string;
            /** @description of a subscription address, in the place of login and password */
            token?: string;
        };
        PortalSignedInBody: {
            /**
             * Format: date-time
             * @description moves with use
             */
            expires_at: string;
            /** @description for Authorization: Bearer below /portal; shown once */
            token?: string;
        };
        PortalSubscription: {
            /** @description that open it in apps */
            links: components["schemas"]["AppLink"][];
            /** @description SVG */
            qr: string;
            url: string;
        };
        Preview: {
            /**
             * Format: int64
             * @description subscribers that are meant
             */
            count: number;
            /** @description the first 100 that would stay as they are */
            refused: components["schemas"]["Fault"][];
            /** Format: int64 */
            refused_count: number;
            /** @description the first 10 that would change */
            sample: components["schemas"]["Change"][];
        };
        Problem: {
            detail: string;
            /** @description which field broke which rule */
            fields?: components["schemas"]["Field"][];
            /** Format: int64 */
            status: number;
            title: string;
            /** @description id of this request in the panel's logs */
            trace?: string;
            /** @description urn:culvert:error: and the kind */
            type: string;
        };
        Public: {
            accent: string;
            language: string;
            logo_url: string;
            realm: string;
            support_email: string;
            support_url: string;
            title: string;
        };
        ReplaceCertBody: {
            chain: string;
            key: string;
        };
        RotateDeviceKeyBody: {
            preshared_key?: string;
            /** @description base64; empty: the panel makes the pair */
            public_key?: string;
        };
        RotateRequestBody: {
            /** @description protocol family; empty: all */
            family?: string;
        };
        SelfUsage: {
            /** Format: int64 */
            down: number;
            /** Format: int64 */
            left: number | null;
            /**
             * Format: int64
             * @description of this period, with what was bought; null: none
             */
            limit: number | null;
            /** Format: date-time */
            next_reset: string | null;
            /** Format: date-time */
            period_start: string;
            /** Format: int64 */
            up: number;
        };
        SessionRow: {
            cause: string;
            /** Format: date-time */
            closed_at: string | null;
            /** @description where the protocol knows it */
            device_id: string;
            /** Format: int64 */
            down: number;
            id: string;
            ingress_id: string;
            kind: string;
            node_id: string;
            /** Format: date-time */
            opened_at: string;
            /** Format: int64 */
            rate_down: number;
            /**
             * Format: int64
             * @description bits per second, as last told; a node tells every 10 s
             */
            rate_up: number;
            source: string;
            subscriber_id: string;
            /** Format: int64 */
            up: number;
        };
        Setting: {
            /** @description template of an entry's name: {node} {region} {protocol} {device} {user} {usage} {expire} */
            remark: string;
            /** @description a device's configuration is given out once; subscriptions leave WireGuard out */
            show_once: boolean;
            support_url: string;
            /** @description of the profile in apps; empty: the tenant's name */
            title: string;
            /**
             * Format: int64
             * @description how often apps ask for news
             */
            update_hours: number;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
            web_page_url: string;
        };
        ShadowsocksOptions: {
            /**
             * Format: int64
             * @default 15000
             */
            handshake_timeout_ms: number;
            key?: string;
            /**
             * @default 2022-blake3-aes-128-gcm
             * @enum {string}
             */
            method: "2022-blake3-aes-128-gcm" | "2022-blake3-aes-256-gcm" | "aes-128-gcm" | "aes-256-gcm" | "chacha20-ietf-poly1305";
            /** @default true */
            udp: boolean;
            /**
             * Format: int64
             * @default 120000
             */
            udp_idle_timeout_ms: number;
            /**
             * Format: int64
             * @default 8192
             */
            udp_sessions: number;
            /**
             * Format: int64
             * @default 256
             */
            udp_sessions_of_one_subscriber: number;
        };
        ShownEndpoint: {
            /** @description WireGuard: whose it is */
            device?: string;
            host: string;
            ingress_id: string;
            /** @description what apps show */
            name: string;
            node: string;
            /** @description no endpoint: name says why there is none */
            notice: boolean;
            /** Format: int32 */
            port: number;
            protocol: string;
            /** @description of the URI, or of the WireGuard file: SVG */
            qr?: string;
            region: string;
            uri: string;
        };
        SignInRequestBody: {
            /** @description set the session cookie instead of answering with a token */
            cookie?: boolean;
            /** @description login, with @realm for a reseller's people */
            name: string;
            password: string;
        };
        SignInResponseBody: {
            /**
             * Format: date-time
             * @description moves with use
             */
            expires_at: string;
            must_change_password: boolean;
            /** @description for Authorization: Bearer; shown once */
            token?: string;
        };
        SocksOptions: {
            /**
             * Format: int64
             * @default 15000
             */
            handshake_timeout_ms: number;
            public_address?: string;
            /** @default false */
            tls: boolean;
            /** @default true */
            udp: boolean;
            /**
             * Format: int64
             * @default 120000
             */
            udp_idle_timeout_ms: number;
        };
        Speed: {
            /** Format: int64 */
            down: number;
            /**
             * Format: int64
             * @description bits per second
             */
            up: number;
        };
        Standing: {
            /** Format: int64 */
            offline: number;
            /** Format: int64 */
            online: number;
            /** Format: int64 */
            suspended: number;
            /**
             * Format: int64
             * @description for their enrolment
             */
            waiting: number;
        };
        State: {
            /** Format: int64 */
            down: number;
            /** @description address:port it sent from last */
            endpoint: string;
            /**
             * Format: date-time
             * @description of its last handshake
             */
            handshake_at: string | null;
            ingress_id: string;
            node_id: string;
            online: boolean;
            /** Format: date-time */
            seen_at: string;
            /**
             * Format: int64
             * @description in its whole life
             */
            up: number;
        };
        Subscriber: {
            comment: string;
            /** Format: date-time */
            created_at: string;
            /** Format: int64 */
            devices: number;
            email: string;
            /** Format: date-time */
            expires_at: string | null;
            external_id: string | null;
            full_name: string;
            /** Format: date-time */
            hold_deadline: string | null;
            id: string;
            label: string;
            language: string;
            /**
             * Format: date-time
             * @description when traffic was last reported
             */
            last_seen_at: string | null;
            name: string;
            /** Format: date-time */
            next_reset: string | null;
            node_groups: string[];
            /** @description has an open session */
            online: boolean;
            /** Format: int64 */
            period: number;
            /** Format: date-time */
            period_start: string;
            plan: string;
            plan_id: string;
            protocols: string[];
            reason: string;
            reset: string;
            /** Format: int64 */
            speed_down: number;
            /** Format: int64 */
            speed_up: number;
            status: string;
            tenant_id: string;
            /** @description in listings of a subtree */
            tenant_name?: string;
            /** Format: int64 */
            traffic_limit: number;
            /** Format: date-time */
            updated_at: string;
            usage: components["schemas"]["Usage"];
            /** Format: int64 */
            version: number;
        };
        SuspendRequestBody: {
            /** @enum {string} */
            reason?: "" | "manual" | "overdue" | "quota" | "abuse" | "expired";
        };
        Tenant: {
            /** Format: date-time */
            created_at: string;
            id: string;
            name: string;
            node_groups: string[];
            parent_id: string | null;
            realm: string;
            status: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: int64 */
            version: number;
        };
        Token: {
            comment: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string | null;
            /** Format: date-time */
            fetched_at: string | null;
            /** @description user agent of the last fetch */
            fetched_by: string;
            /** @description address of the last fetch */
            fetched_from: string;
            /** Format: int64 */
            fetches: number;
            id: string;
            subscriber_id: string;
            /** Format: date-time */
            updated_at: string;
            /** @description for those who may see secrets */
            url?: string;
            /** Format: int64 */
            version: number;
        };
        TokenRequestBody: {
            /**
             * Format: int64
             * @description life; 0: 24
             */
            hours?: number;
        };
        TrafficBucket: {
            /** Format: date-time */
            at: string;
            /** Format: int64 */
            down: number;
            /** Format: int64 */
            up: number;
        };
        UnbookedRow: {
            /** Format: date-time */
            at: string;
            /** Format: int64 */
            down: number;
            exit: string;
            /** Format: int64 */
            id: number;
            ingress_id: string;
            node_id: string;
            subscriber_id: string;
            /** Format: int64 */
            up: number;
            why: string;
        };
        Usage: {
            /** Format: int64 */
            down: number;
            /** Format: int64 */
            granted: number;
            /** Format: int64 */
            lifetime_down: number;
            /** Format: int64 */
            lifetime_up: number;
            /** Format: date-time */
            seen_at: string | null;
            /** Format: int64 */
            up: number;
        };
        UsageBucket: {
            /** Format: date-time */
            at: string;
            /** Format: int64 */
            down: number;
            /** Format: int64 */
            up: number;
        };
        WireguardOptions: {
            dns?: string[] | null;
            endpoint_host?: string;
            /** Format: int32 */
            endpoint_port?: number;
            /**
             * Format: int64
             * @default 25
             */
            keepalive_s: number;
            /**
             * Format: int64
             * @default 1420
             */
            mtu: number;
            /** @default 10.64.0.0/12 */
            pool4: string;
            /** @default fd64:6376::/64 */
            pool6: string;
            private_key?: string;
            /** @default 1.1.1.1:53 */
            upstream: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    "list-access-keys": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageAccessKey"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-access-key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateKeyBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FreshKey"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-access-key": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessKey"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "revoke-access-key": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "rotate-access-key": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FreshSecret"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-audit": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
                /** @description kind/id, such as subscriber/sub_… */
                object?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageEntry"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-public-branding": {
        parameters: {
            query?: {
                /** @description absent: by the host that was asked, else the operator's */
                realm?: string;
                /** @description not read: it makes the address of a picture change with it */
                v?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Public"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-public-logo": {
        parameters: {
            query?: {
                /** @description absent: by the host that was asked, else the operator's */
                realm?: string;
                /** @description not read: it makes the address of a picture change with it */
                v?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "Cache-Control"?: string;
                    "Content-Type"?: string;
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/*": string;
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-bulk-operations": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageOperation"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-bulk-operation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AskBody"];
            };
        };
        responses: {
            /** @description What would change */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Preview"];
                };
            };
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-bulk-operation": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Detail"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "cancel-bulk-operation": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Detail"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-certificates": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageCertificate"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-certificate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateCertBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-certificate": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "replace-certificate": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReplaceCertBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "delete-certificate": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-device": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "delete-device": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-device": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchDeviceBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-device-config": {
        parameters: {
            query?: {
                /** @description id of the ingress it leads to; absent: the device's own, or the first */
                ingress?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    "Content-Type"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string;
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-device-link": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["MakeLinkBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Link"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-device-qr": {
        parameters: {
            query?: {
                /** @description id of the ingress it leads to; absent: the device's own, or the first */
                ingress?: string;
                type?: "svg" | "png";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    "Content-Type"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string;
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "rotate-device-key": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RotateDeviceKeyBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-granted-node-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageGrantedGroup"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-ingresses": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageIngress"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-ingress": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateIngressBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ingress"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-ingress": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ingress"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "delete-ingress": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-ingress": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchIngressBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ingress"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-jobs": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageJob"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-job": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-live-sessions": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
                /** @description id */
                subscriber?: string;
                /** @description id */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageSessionRow"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-logins": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageLogin"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateLoginBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FreshLogin"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-login": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "delete-login": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-login": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchLoginBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "reset-password-login": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FreshPassword"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "suspend-login": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "unsuspend-login": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "who-am-i": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "change-me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchMeBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "change-my-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordRequestBody"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-node-groups": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageGroup"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-node-group": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateGroupBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-node-group": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "delete-node-group": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-node-group": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchGroupBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-nodes": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
                group?: string;
                status?: "" | "waiting" | "active" | "suspended" | "revoked";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageNode"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-node": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateNodeBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-node": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "delete-node": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-node": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchNodeBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "declare-lost-node": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "enrol-token-node": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["TokenRequestBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrolToken"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-job": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateJobBody"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "revoke-node": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "suspend-node": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "unsuspend-node": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-overview": {
        parameters: {
            query?: {
                /** @description the whole subtree, not this tenant alone */
                tree?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Overview"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-plans": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PagePlan"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreatePlanBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-plan": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "delete-plan": {
        parameters: {
            query?: {
                /** @description move its subscribers to the default plan first */
                move?: boolean;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-plan": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchPlanBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-list-connections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageConnection"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-kick": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-list-devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageDevice"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-create-device": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPortalDeviceBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-delete-device": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-rename-device": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchPortalDeviceBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-device-config": {
        parameters: {
            query?: {
                /** @description id of the ingress it leads to; absent: the device's own, or the first */
                ingress?: string;
                /** @description of a device whose private key the panel does not have: the file with PRIVATE_KEY in its place */
                blank?: boolean;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    "Content-Type"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-device-qr": {
        parameters: {
            query?: {
                /** @description id of the ingress it leads to; absent: the device's own, or the first */
                ingress?: string;
                type?: "svg" | "png";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    "Content-Type"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/*": string;
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-diagnosis": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageFinding"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-list-endpoints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PagePortalEndpoint"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PortalSelf"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-change-me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchPortalSelfBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PortalSelf"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-list-sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PagePortalSession"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-sign-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PortalSignInBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PortalSignedInBody"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-sign-out": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-end-session": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-subscription": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PortalSubscription"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "portal-usage": {
        parameters: {
            query?: {
                /** @description absent: 30 days ago */
                from?: string;
                /** @description absent: now */
                to?: string;
                step?: "hour" | "day" | "month";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageUsageBucket"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-profile-setting": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Setting"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-profile-setting": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchProfileSettingBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Setting"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-sessions": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
                /** @description id of a login you may manage; absent: your own */
                login?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageOpenSession"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "sign-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignInRequestBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignInResponseBody"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "end-sessions": {
        parameters: {
            query?: {
                /** @description id of a login you may manage; absent: your own */
                login?: string;
                /** @description the session that asks, too */
                current?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndedSessions"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "sign-out": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-session": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenSession"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "end-session": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    stream: {
        parameters: {
            query: {
                /** @description with commas between: bulk, nodes, overview, sessions */
                topics: string;
                /** @description id, or true for tree; for topics that know it */
                node?: string;
                /** @description id, or true for tree; for topics that know it */
                subscriber?: string;
                /** @description id, or true for tree; for topics that know it */
                tree?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["Event"];
                };
            };
        };
    };
    "list-subscribers": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
                /** @description part of name, e-mail, full name or external id */
                q?: string;
                status?: "" | "on_hold" | "active" | "limited" | "expired" | "suspended" | "closed";
                /** @description plan id */
                plan?: string;
                external_id?: string;
                expires_before?: string;
                /** @description with an open session, or without */
                online?: "" | "true" | "false";
                /** @description id of one of the subtree */
                tenant?: string;
                /** @description the whole subtree, not this tenant alone */
                tree?: boolean;
                /** @description absent: created_at */
                sort?: "" | "created_at" | "-created_at" | "name" | "-name" | "expires_at" | "-expires_at" | "used" | "-used";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageSubscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-subscriber": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateSubscriberBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FreshSubscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "export-subscribers": {
        parameters: {
            query?: {
                /** @description part of name, e-mail, full name or external id */
                q?: string;
                status?: "" | "on_hold" | "active" | "limited" | "expired" | "suspended" | "closed";
                /** @description plan id */
                plan?: string;
                external_id?: string;
                expires_before?: string;
                /** @description with an open session, or without */
                online?: "" | "true" | "false";
                /** @description id of one of the subtree */
                tenant?: string;
                /** @description the whole subtree, not this tenant alone */
                tree?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    "Content-Type"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "count-subscribers": {
        parameters: {
            query?: {
                /** @description part of name, e-mail, full name or external id */
                q?: string;
                status?: "" | "on_hold" | "active" | "limited" | "expired" | "suspended" | "closed";
                /** @description plan id */
                plan?: string;
                external_id?: string;
                expires_before?: string;
                /** @description with an open session, or without */
                online?: "" | "true" | "false";
                /** @description id of one of the subtree */
                tenant?: string;
                /** @description the whole subtree, not this tenant alone */
                tree?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Count"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "import-subscribers": {
        parameters: {
            query?: {
                /** @description tell what is wrong with the file, and add nobody */
                dry_run?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "text/csv": string;
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Import"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-subscriber": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "delete-subscriber": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-subscriber": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchSubscriberBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-subscriber-credentials": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Credentials"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-devices": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageDevice"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-device": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateDeviceBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-subscriber-endpoints": {
        parameters: {
            query?: {
                /** @description with QR codes in SVG */
                qr?: boolean;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageShownEndpoint"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "expire-subscriber": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "grants-subscriber": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GrantRequestBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "kick-subscriber": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["KickRequestBody"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Kicked"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "password-subscriber": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewPasswordRequestBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FreshSubscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "plan-subscriber": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangePlanRequestBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "reset-usage-subscriber": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "rotate-secrets-subscriber": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RotateRequestBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-subscriber-sessions": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageSessionRow"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "suspend-subscriber": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SuspendRequestBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-subscription-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageToken"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-subscription-token": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CreateTokenBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "unsuspend-subscriber": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscriber"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-subscriber-usage": {
        parameters: {
            query?: {
                /** @description absent: 30 days ago */
                from?: string;
                /** @description absent: now */
                to?: string;
                step?: "hour" | "day" | "month";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageBucket"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "revoke-subscription-token": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-subscription-token": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchTokenBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "rotate-subscription-token": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-tenants": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageTenant"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "create-tenant": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateTenantBody"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FreshTenant"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-tenant": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-tenant": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchTenantBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-branding": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Brand"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "update-branding": {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version this change is made to */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchBrandingBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Brand"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "set-logo": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Brand"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "delete-logo": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "get-traffic": {
        parameters: {
            query?: {
                /** @description absent: 24 hours ago for hours, 30 days ago for days */
                from?: string;
                /** @description absent: now */
                to?: string;
                step?: "hour" | "day";
                /** @description id */
                node?: string;
                /** @description the whole subtree, not this tenant alone */
                tree?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageTrafficBucket"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
    "list-unbooked-usage": {
        parameters: {
            query?: {
                /** @description next of the page before */
                cursor?: number;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageUnbookedRow"];
                };
            };
            /** @description Error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ErrorModel"];
                };
            };
        };
    };
}
